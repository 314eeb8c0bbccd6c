#!/usr/bin/env bash
# The smallest whole story: alpha gets a workspace, it comes up, and answers a ping with a pong.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
begin harness/canary-smoke-a2a-pong

id=$(ask POST "$ALPHA_URL/workspaces" workspace_id)
check "alpha: workspace $id" test -n "$id"
check "the stand-in was asked for it" cpproxy wait --for 'POST /cp/workspaces/provision' --timeout 5
check "the stand-in counted it" counted provision_calls
if [[ -n $id ]]; then
    check "alpha: running" running "$ALPHA_URL" "$id"
    check "alpha: ping, pong" answers pong POST "$ALPHA_URL/workspaces/$id/a2a" message
fi

finish
