"""The answer of a server, within a time, with nothing of the user's sent along."""

import os
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

REDIRECTS = 10


def ask(url: str, headers: dict[str, str], connect: float, stall: float) -> "requests.Response":
    """The answer, once its headers are here: they have `stall` seconds, however slowly they drip.

    Nothing is taken from the environment but proxies and certificates: no password out of ~/.netrc goes anywhere.

    Raises:
        requests.RequestException, ValueError: as requests says.
        TimeoutError: the headers do not end.
    """
    import requests

    session = requests.Session()
    session.trust_env = False
    session.proxies.update(requests.utils.get_environ_proxies(url))
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    session.max_redirects = REDIRECTS
    answers: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
    waits = threading.Event()
    waits.set()

    def wait() -> None:
        answer: requests.Response | Exception
        try:
            answer = session.get(url, headers=headers, stream=True, timeout=(connect, stall))
        except Exception as error:  # for who waits
            answer = error
        answers.put(answer)
        if not waits.is_set() and not isinstance(answer, Exception):
            answer.close()

    threading.Thread(target=wait, daemon=True).start()
    try:
        answer = answers.get(timeout=connect + stall)
    except queue.Empty as error:
        waits.clear()
        raise TimeoutError from error
    if isinstance(answer, Exception):
        raise answer
    return answer
