"""The page in a real browser, over a real worker."""

import json
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from schemas.topics import SUPERVISED_SCORES
from streams.serving.api import create_api
from streams.serving.ledgers import Ledgers
from streams.serving.server import options
from streams.settings import ServingSettings
from tests.integration.running import START_MS, System, eventually

_ODD = "a?b#c%d&e"
"""A name that an identifier may have, and that an address can hold only in writing of its own."""
_DRAWN = "return document.querySelector('#chart canvas').toDataURL()"


@pytest.fixture
def scored(system: System) -> System:
    """A small library that a worker has scored."""
    system.start_worker()
    system.wait_for(system.send_simulated(5_000))
    return system


@pytest.fixture
def address(scored: System) -> Iterator[str]:
    """Where the page is served."""
    with _served(scored, ServingSettings()) as found:
        yield found


@contextmanager
def _served(system: System, settings: ServingSettings) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    api = create_api(system.client, settings, Ledgers(system.settings))
    server = uvicorn.Server(uvicorn.Config(api, **options(settings) | {"log_level": "warning"}))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    eventually(lambda: server.started, "the server")
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    thread.join(10)


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    """A headless Chromium, which notes what it asks for and what goes wrong."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no Chromium with its driver here: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1360,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def _names(browser: webdriver.Chrome) -> list[str]:
    """Return what the feed lists; in one step, since rows are replaced as scores change."""
    names: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#clips .name')].map((name) => name.innerText)"
    )
    return names


def _words(browser: webdriver.Chrome, part: str) -> str:
    """Return what a part of the page says, on one line; in one step, since it is written anew."""
    said: str = browser.execute_script(f"return document.getElementById('{part}').innerText")
    return " ".join(said.split())


def test_the_page_shows_what_is_live(system: System, address: str, browser: webdriver.Chrome) -> None:
    """Feed, curve and explanation are there; a change arrives by itself; parts can be hidden; nothing goes wrong or elsewhere."""
    browser.get(address)
    eventually(lambda: len(_names(browser)) == 20, "twenty clips")
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "#chart canvas") != [], "the curve")
    assert browser.find_element(By.ID, "connection").text == "live"
    eventually(lambda: "waiting 0 dead letters none" in _words(browser, "pipeline"), "the pipeline's state")
    eventually(lambda: "of 10; 90 % interval" in browser.find_element(By.ID, "explanation").text, "the explanation")
    assert "without signals" in _words(browser, "explanation")
    drawn = browser.execute_script(_DRAWN)
    browser.find_element(By.CSS_SELECTOR, "[data-part=score]").click()
    eventually(lambda: drawn != browser.execute_script(_DRAWN), "a chart without the score")

    _share(system, _ODD, range(40))
    eventually(lambda: f"{_ODD} at 0:10" in _names(browser), "the clip that was just shared")
    browser.execute_script(
        "location.hash = [...document.querySelectorAll('#clips a')].find((a) => a.innerText.includes('a?b')).hash"
    )
    eventually(lambda: f"{_ODD}:1" in browser.find_element(By.ID, "clip-title").text, "the clip that was chosen")
    assert _ODD in browser.execute_script("return document.querySelector('#clips [aria-current=true]').innerText")
    _share(system, _ODD, range(40, 60))
    eventually(lambda: "watched 60 " in browser.find_element(By.ID, "explanation").text, "an explanation that follows")

    assert browser.get_log("browser") == []
    asked = [url for url in map(_url, browser.get_log("performance")) if url.startswith("http")]
    assert {url[: len(address)] for url in asked} == {address}


def _url(entry: dict[str, str]) -> str:
    """Return what a request of the browser's asked for; empty where an entry of its log is no request."""
    message = json.loads(entry["message"])["message"]
    asked: str = message["params"]["request"]["url"] if message["method"] == "Network.requestWillBeSent" else ""
    return asked


def _share(system: System, video: str, sessions: Iterable[int]) -> None:
    """Let viewers play and share the second clip of a video."""
    order = count()
    for session in sessions:
        for kind in ("play", "share"):
            value = (
                f'{{"schema_version":1,"kind":"{kind}","video_id":"{video}","session_id":"s{session}",'
                f'"occurred_at_ms":{START_MS + next(order)},"from_s":10,"to_s":20}}'
            )
            system.send_raw([(video.encode(), value.encode())])


def test_every_clip_of_a_video_can_be_chosen_by_keyboard(address: str, browser: webdriver.Chrome) -> None:
    """The table of the curve has a link for each clip, with its tags and figures beside it; focus stays on the link."""
    browser.get(address)
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "#chart canvas") != [], "the curve")
    browser.find_element(By.CSS_SELECTOR, "#numbers summary").send_keys(Keys.ENTER)
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "#numbers tbody a") != [], "the table")
    links = browser.find_elements(By.CSS_SELECTOR, "#numbers tbody a")
    last = links[-1].text
    links[-1].send_keys(Keys.ENTER)
    eventually(lambda: f"({last} to " in browser.find_element(By.ID, "clip-title").text, "the clip of the last row")
    assert browser.switch_to.active_element.text == last


def test_clips_stay_where_somebody_is(system: System, address: str, browser: webdriver.Chrome) -> None:
    """When scores change, clips are written anew in their rows, so a click or a reader's place is not lost; focus stays, too."""
    browser.get(address)
    eventually(lambda: len(_names(browser)) == 20, "twenty clips")
    browser.execute_script(
        "document.querySelectorAll('#clips li').forEach((row) => { row.was = row.querySelector('.name').innerText; });"
        "document.querySelector('#clips li:nth-child(3) a').focus()"
    )
    focused = browser.execute_script("return document.activeElement.hash")
    _share(system, _ODD, range(40))
    eventually(lambda: f"{_ODD} at 0:10" in _names(browser), "the clip that was just shared")
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#clips li')].map((row) => [row.was ?? null, row.querySelector('.name').innerText])"
    )
    assert [was for was, _ in rows].count(None) <= 3
    assert all(was == name for was, name in rows if was is not None)
    assert browser.execute_script("return document.activeElement.hash") == focused


def test_an_address_that_names_no_clip(address: str, browser: webdriver.Chrome) -> None:
    """One that cannot be read is as none; an unknown clip is told, and no other video's curve is left; the skip link keeps it."""
    browser.get(f"{address}/#50%")
    eventually(lambda: "of 10; 90 % interval" in _words(browser, "explanation"), "the best clip")
    browser.execute_script("location.hash = '#nobody:1'")
    eventually(lambda: "this clip has no score" in _words(browser, "explanation"), "what is wrong")
    assert browser.find_elements(By.CSS_SELECTOR, "#chart canvas") == []
    assert _words(browser, "video-title") == "No curve of nobody"
    browser.find_element(By.CLASS_NAME, "skip").send_keys(Keys.ENTER)
    assert browser.execute_script("return [location.hash, document.activeElement.id]") == ["#nobody:1", "feed"]


def test_a_long_video(system: System, address: str, browser: webdriver.Chrome) -> None:
    """Tags are one shape a lane, inside the page; clips between others that have no score are no part of a line."""
    clip = {"score_mean": 5.0, "score_sd": 1.0, "tags": {"goal": 0.9}}
    clips = [clip | {"clip_index": index} for index in range(0, 2_000, 2)]
    output = {"schema_version": 1, "video_id": "long", "model_version": "m", "category": "sports", "clips": clips}
    system.send_raw([(b"long", json.dumps(output).encode())], topic=SUPERVISED_SCORES)
    browser.get(f"{address}/#long%3A4")
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "#tags svg path") != [], "the lane")
    assert _words(browser, "readout").endswith("goal")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#tags *")) == 4
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_page_may_ask_nobody_else(address: str, browser: webdriver.Chrome) -> None:
    """The browser refuses a script and a request of another origin."""
    browser.get(address)
    told = browser.execute_async_script(
        "const done = arguments[0];fetch('http://localhost:9/').then(() => done('asked'), (error) => done(error.name));"
    )
    assert told == "TypeError"
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


def _give_key(browser: webdriver.Chrome, key: str) -> None:
    """Type a key into the field that has the focus, as soon as it has."""
    eventually(lambda: browser.execute_script("return document.activeElement.id") == "key", "a field that has the focus")
    browser.switch_to.active_element.send_keys(key, Keys.ENTER)


def test_a_key_is_asked_for_where_one_is_needed(scored: System, browser: webdriver.Chrome, tmp_path: Path) -> None:
    """By keyboard alone: an unknown key is asked for again, a known one opens what it is for and says what it is not for."""
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"- {{name: page, sha256: {sha256(b'open sesame').hexdigest()}, scopes: [feed, clips]}}\n")
    with _served(scored, ServingSettings(keys_file=keys)) as address:
        browser.get(address)
        for key, answer in (
            (Keys.ESCAPE * 3, "An API key is needed"),
            ("ключ", "digits and plain signs only"),
            (Keys.BACKSPACE * 4 + "guessed", "does not know that key"),
        ):
            _give_key(browser, key)
            eventually(lambda answer=answer: answer in browser.execute_script("return document.body.innerText"), answer)
        _give_key(browser, "open sesame")
        eventually(lambda: len(_names(browser)) == 20, "twenty clips")
        eventually(lambda: "of 10; 90 % interval" in _words(browser, "explanation"), "the explanation")
        assert browser.find_element(By.ID, "connection").text == "live"
        assert "this API key is not for operate" in _words(browser, "pipeline")
        assert browser.find_elements(By.TAG_NAME, "dialog") == []
        browser.refresh()
        eventually(lambda: len(_names(browser)) == 20, "twenty clips without being asked again")
        assert browser.execute_script("return localStorage.length") == 0
