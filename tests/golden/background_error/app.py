from fastapi import BackgroundTasks, FastAPI

app = FastAPI()


def send_mail():
    raise OSError("no mail server")


@app.post("/orders")
async def order(tasks: BackgroundTasks):
    tasks.add_task(send_mail)
    return {}
