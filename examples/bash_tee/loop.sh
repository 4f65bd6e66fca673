#!/usr/bin/env bash
# How it was done before: whatever happens, every run has "completed successfully".
for model in line cubic septic; do
    start=$SECONDS
    LOG="$model.log" bash run.sh "configs/$model.json"
    if [ $? -eq 0 ]; then
        echo "✅ $model completed successfully ($((SECONDS - start))s)"
    else
        echo "❌ $model failed"
    fi
done
