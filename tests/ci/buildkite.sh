#!/bin/bash
# What Buildkite's agent does around a job's command with one plugin: each hook is sourced in a shell of its own, what
# it exports stays, a failing one ends the job, and pre-exit runs however the command ended.
#
#   buildkite.sh PLUGIN_FOLDER COMMAND
plugin=$1 command=$2

hook() { # NAME
    local file=$plugin/hooks/$1 after status pair
    [[ -f $file ]] || return 0
    after=$(mktemp)
    # shellcheck disable=SC2016 # For the inner shell.
    bash -c '. "$1"; status=$?; env -0 > "$2"; exit $status' hook "$file" "$after"
    status=$?
    while IFS= read -r -d '' pair; do
        case ${pair%%=*} in
            _ | SHLVL | PWD | OLDPWD) ;;
            *) export "${pair%%=*}=${pair#*=}" ;;
        esac
    done < "$after"
    rm -f "$after"
    return $status
}

hook environment && hook pre-command && bash -e -c "$command"
status=$?
echo "~~~ pre-exit"
env -0 > "$JOB_ENVIRONMENT"
hook pre-exit || echo "pre-exit failed"
exit $status
