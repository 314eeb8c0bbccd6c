#!/usr/bin/env bash
# Both tenants have a workspace each: it is made, comes up, shows its console, and is given back.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
begin harness/workspace

declare -A made
for slug in alpha beta; do
    url=${slug^^}_URL
    made[$slug]=$(ask POST "${!url}/workspaces" workspace_id)
    check "$slug: workspace ${made[$slug]}" test -n "${made[$slug]}"
done
for slug in alpha beta; do
    url=${slug^^}_URL
    workspace="${!url}/workspaces/${made[$slug]}"
    [[ -n ${made[$slug]} ]] || continue
    check "$slug: running" running "${!url}" "${made[$slug]}"
    check "$slug: console" test -n "$(ask GET "$workspace/console" output)"
    check "$slug: given back" ask DELETE "$workspace"
    check "$slug: not running any more" answers false GET "$workspace" running
done

finish
