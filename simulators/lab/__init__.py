"""What simulated experiments are made of: parameters, motion, instruments, a run, and a bench that keeps its time."""
