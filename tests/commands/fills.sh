# fills.sh OUT: leaves no room on its disk, not even for its own last words. A second time there is enough for it.
out=$1
if [ "${out%/1/out}" != "$out" ]; then
    for n in 1 2 3 4; do dd if=/dev/zero of="$out/filler$n" bs=512; done 2>/dev/null
fi
echo '{"mse": 0.5}' >"$out/metrics.json"
