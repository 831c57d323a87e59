#!/bin/sh
# Keeps the keys of a tenant in order. Each step runs, even if one before it failed for some client.
# Exit code: that of the first step that failed, else 0. It is 3 if only the audit has something to report.
set -u
status=0
step() {
    qlik-keys "$@" || { code=$?; [ "$status" -ne 0 ] || status=$code; }
}
step resume                # what an earlier run left
step rotate --due --yes    # the keys that should be replaced by now
step retire                # the old keys whose overlap is over
step audit --fail-on high  # what a person should look at
exit "$status"
