#!/usr/bin/env bash
# One experiment, shown and logged.
LOG_DIR="${LOG_DIR:-logs}"
mkdir -p "$LOG_DIR"
"${PYTHON:-python}" main.py --config_path "$1" 2>&1 | tee "$LOG_DIR/$(basename "$1" .yaml).log"
exit_code=$?
if [ $exit_code -eq 0 ]; then
    echo "✅ $1 completed successfully"
else
    echo "❌ $1 failed"
fi
exit $exit_code
