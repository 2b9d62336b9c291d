raise RuntimeError("no settings")
