"""comfy-api-simplified, some jobs: `simplified.py URL NAME JOBS AT_ONCE SECONDS`. Prints what `src/run.rs` prints."""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

from comfy_api_simplified import ComfyApiWrapper

PATIENCE = 5
url, name, jobs, at_once, seconds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
client = ComfyApiWrapper(url)
ends = time.monotonic() + seconds


def workflow(number):
    color = number
    for byte in name.encode():
        color = (color * 31 + byte) & 0xFFFFFFFFFFFFFFFF
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": color % 0xFFFFFF},
            "_meta": {"title": "Empty Image"},
        },
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": f"{name}/{number}/picture"},
            "_meta": {"title": "Save Image"},
        },
    }


def say(**what):
    print(json.dumps(what), flush=True)


def micros():
    return time.time_ns() // 1000


def picture(number):
    start = micros()
    try:
        images = client.queue_and_wait_images(workflow(number), "Save Image")
    except Exception as error:
        say(job=number, error=repr(error))
    else:
        say(job=number, **{"from": start, "to": micros()}, bytes=len(next(iter(images.values()))))


def job(number):
    if time.monotonic() >= ends:
        return
    # It knows no deadline: a thread that hangs is left behind.
    worker = threading.Thread(target=picture, args=(number,), daemon=True)
    worker.start()
    worker.join(PATIENCE)
    if worker.is_alive():
        say(job=number, hung=True)


with ThreadPoolExecutor(at_once) as pool:
    wait([pool.submit(job, number) for number in range(jobs)])
sys.stdout.flush()
