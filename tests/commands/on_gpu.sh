# on_gpu.sh SIDE SECONDS OUT: marks its start and end in SIDE with the device it was given, and holds a lock of it.
side=$1 seconds=$2 out=$3
device=${CUDA_VISIBLE_DEVICES:-cpu}
exec 9>>"$side/$device.lock"
flock --nonblock 9 || echo "beside $device $RUNNER_ATTEMPT" >>"$side/marks"
echo "start $device $RUNNER_ATTEMPT" >>"$side/marks"
sleep "$seconds"
echo "end $device $RUNNER_ATTEMPT" >>"$side/marks"
echo '{"mse": 0.5}' >"$out/metrics.json"
