from settings import load

app = load()
