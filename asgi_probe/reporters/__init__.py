"""How a run is told; each reporter is one object with `handle(event)`."""
