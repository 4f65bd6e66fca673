# marked.sh SIDE RUN SECONDS FATE OUT: marks its start and end in SIDE, and holds a lock while it lives.
# FATE: well; fails; dies, killed the first time; lingers, 20 seconds longer the first time.
side=$1 run=$2 seconds=$3 fate=$4 out=$5
exec 9>>"$side/$run.lock"
flock --nonblock 9 || echo "beside $run $RUNNER_ATTEMPT" >>"$side/marks"
echo "start $run $RUNNER_ATTEMPT" >>"$side/marks"
sleep "$seconds"
case $fate in
    fails) exit 3 ;;
    dies) mkdir "$side/$run.died" 2>/dev/null && kill -KILL $$ ;;
    lingers) mkdir "$side/$run.lingered" 2>/dev/null && sleep 20 ;;
esac
echo '{"mse": 0.5}' >"$out/metrics.json"
echo "end $run $RUNNER_ATTEMPT" >>"$side/marks"
