"""What is tested on a real Slurm cluster: `make slurm-test`."""
