"""Many robot kits at once: which is where, is each ready before the bell, give all a program, stop all, flash them."""
