"""A VOD's chat, from TwitchDownloader's file to presence in the lake, compared with reading the whole file at once.

Belongs here: writing files, and both ways of reading them. Not here: measuring (measure), RESULTS.md (report).
"""

import datetime as dt
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

VOD_ID = "2580000001"
HOURS = 10
COMMENTS_PER_PERSON = 12
"""On average."""
CREATED = dt.datetime(2026, 10, 5, 18, tzinfo=dt.UTC)


def write_chat(comments: int, path: Path) -> None:
    """Write a file like TwitchDownloader's, with `comments` comments over ten hours."""
    generator = np.random.default_rng(comments)
    seconds = np.sort(generator.integers(0, HOURS * 3600, comments))
    people = generator.zipf(1.3, comments) % max(1, comments // COMMENTS_PER_PERSON)
    head = {"streamer": {"name": "ann", "id": 1}, "video": {"id": VOD_ID, "created_at": CREATED.isoformat()}}
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "comments": [')
        for number, (second, person) in enumerate(zip(seconds.tolist(), people.tolist(), strict=True)):
            file.write(("," if number else "") + json.dumps(_comment(number, second, f"viewer_{person}")))
        file.write("]}")


def _comment(number: int, second: int, login: str) -> dict[str, object]:
    moment = (CREATED + dt.timedelta(seconds=second)).isoformat()
    return {
        "_id": f"{number:08x}-0000-4000-a000-000000000000",
        "created_at": moment,
        "channel_id": "1",
        "content_type": "video",
        "content_id": VOD_ID,
        "content_offset_seconds": second,
        "commenter": {
            "display_name": login.title(),
            "_id": str(number),
            "name": login,
            "bio": "Somebody who writes in chats now and then, and says so here.",
            "created_at": moment,
            "updated_at": moment,
            "logo": "https://static-cdn.jtvnw.net/user-default-pictures-uv/00000000-0000-0000-0000-000000000000.png",
        },
        "message": {
            "body": "words that nobody stores",
            "bits_spent": 0,
            "fragments": [{"text": "words that nobody stores", "emoticon": None}],
            "user_badges": [{"_id": "subscriber", "version": "12"}],
            "user_color": "#1E90FF",
            "emoticons": [],
        },
    }


def ours(path: Path, folder: Path) -> int:
    """Fetch the VOD of a file into a lake; returns the number of comments."""
    from vieweratlas_assets.domain.presence.names import PLAIN
    from vieweratlas_assets.storage.local import LocalStore
    from vieweratlas_assets.vods.database import Database
    from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
    from vieweratlas_assets.vods.sources import FileSource
    from vieweratlas_assets.vods.worker import VodWorkers

    queue = VodQueue(Database(f"sqlite:///{folder}/queue.db"))
    queue.add([QueuedVod(VOD_ID, "ann", CREATED)])
    (outcome,) = VodWorkers(queue, FileSource(path.parent), LocalStore(folder / "lake"), PLAIN).run()
    assert outcome.figures is not None, outcome.reason
    return outcome.figures.comments


def whole(path: Path) -> int:
    """Read the file with json.load and do nothing else; returns the number of comments."""
    with path.open(encoding="utf-8") as file:
        return len(json.load(file)["comments"])


def main() -> None:
    """Do one step and print, as JSON, the comments that it read and its CPU seconds without start-up."""
    step, path = sys.argv[1], Path(sys.argv[2])
    if step == "make":
        write_chat(int(sys.argv[3]), path)
        print(json.dumps({"size_bytes": path.stat().st_size}))
        return
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        comments = ours(path, Path(folder)) if step == "ours" else whole(path)
    print(json.dumps({"comments": comments, "step_cpu_s": time.process_time() - began}))


if __name__ == "__main__":
    main()
