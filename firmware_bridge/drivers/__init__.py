"""One driver, one file. A module here is found by its name; adding one touches nothing else."""
