#!/usr/bin/env bash
# Both tenants have refreshed their environment at boot, and know who is a member.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
begin harness/boot

check "both tenants asked for their config" cpproxy wait --for 'GET /cp/tenants/config >=2' --timeout 5
for slug in alpha beta; do
    url=${slug^^}_URL
    check "$slug: environment refreshed" answers true GET "${!url}/health" refreshed
    COOKIE="molecule_session=sham-session-$slug" check "$slug: member of its org" answers true GET "${!url}/session" member
    check "$slug: nobody without a cookie" answers false GET "${!url}/session" member
done
check "the stand-in counted them" counted tenants_config_calls

finish
