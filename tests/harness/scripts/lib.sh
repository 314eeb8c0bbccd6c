# What the replay scripts share; each sources it. They find the proxy in CPPROXY_URL and the tenants in ALPHA_URL and BETA_URL,
# from inside the harness as from the host.
# shellcheck shell=bash

set -uo pipefail
: "${CPPROXY_URL:?where the proxy is}" "${ALPHA_URL:?where tenant alpha is}" "${BETA_URL:?where tenant beta is}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
passed=0
failed=0

# begin SCENARIO: says where the suite is, and has the end told however the script ends. A script that HARNESS_XFAIL names
# (`SCENARIO:#ISSUE:REASON`) is known to fail: it says so, counts as passed, and makes none of its calls.
begin() {
    local scenario=$1 known=${HARNESS_XFAIL:-}
    if [[ $known == "$scenario":* ]]; then
        cpproxy scenario begin "$scenario" --xfail "${known#"$scenario":}" && cpproxy scenario end
        echo "__XFAIL__:${known#"$scenario":}"
        echo "1 passed, 0 failed"
        exit 0
    fi
    cpproxy scenario begin "$scenario" || exit
    trap 'cpproxy scenario end --exit $?' EXIT
}

# ask METHOD URL [FIELD]: the answer's body, or a field of it; the status and the body on standard error if it is no 2xx.
# COOKIE is sent if it is set.
ask() { "$here/ask" "$@"; }

# check WHAT COMMAND…: counts whether the command succeeds; fails if it does not.
check() {
    local what=$1
    shift
    if "$@"; then
        echo "ok   $what"
        passed=$((passed + 1))
    else
        echo "FAIL $what"
        failed=$((failed + 1))
        return 1
    fi
}

# answers VALUE METHOD URL FIELD: whether the field of the answer is that.
answers() {
    local wanted=$1 got
    shift
    got=$(ask "$@") && [[ $got == "$wanted" ]] || { echo "     expected $wanted, got ${got:-nothing}" && false; }
}

# counted COUNTER: whether the stand-in was called there, as scripts ask a hand-written stub.
counted() { (($(ask GET "$CPPROXY_URL/__stub/state" "$1") > 0)); }

# running URL ID: waits until the tenant believes that its workspace runs.
running() {
    local tries
    for ((tries = 0; tries < 50; tries++)); do
        [[ $(ask GET "$1/workspaces/$2" running) == true ]] && return
        sleep 0.2
    done
    return 1
}

finish() {
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
}
