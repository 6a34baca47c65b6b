"""`make attacks`: see `attacks.table`."""

from attacks.table import main

if __name__ == "__main__":
    raise SystemExit(main())
