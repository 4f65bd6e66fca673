"""Slurm as it is: what its commands print, what its words mean, how jobs are asked about and submitted."""
