"""`python -m lophoc`: the command without its script, as the demo starts its parts."""

from lophoc.start import main

if __name__ == "__main__":
    main()
