# Ends with exit code 0 whatever it does; what it lies about is its second argument.
out=$1
case $2 in
    none) ;;
    empty) : >"$out/metrics.json" ;;
    nan) echo '{"mse": NaN}' >"$out/metrics.json" ;;
    torn) echo -n '{"mse": 0.2' >"$out/metrics.json" ;;
    other) echo '{"mae": 0.2}' >"$out/metrics.json" ;;
    folder) mkdir "$out/metrics.json" ;;
    *) echo '{"mse": 0.25}' >"$out/metrics.json" ;;
esac
true
