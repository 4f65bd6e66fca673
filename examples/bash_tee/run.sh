#!/usr/bin/env bash
# One training run, its output on the screen and in a file. The exit code is that of tee.
"${PYTHON:-python}" train.py "$1" 2>&1 | tee "${LOG:-train.log}"
