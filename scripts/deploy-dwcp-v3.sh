#!/bin/sh
# The guide's deployment script: `dwcp deploy` with the same flags.
exec "$(dirname -- "$0")/../dwcp" deploy "$@"
