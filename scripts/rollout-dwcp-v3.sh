#!/bin/sh
exec "$(dirname -- "$0")/../dwcp" rollout "$@"
