"""Example projects on content written for this purpose: a node to look around in.

A composition root: it names label types, as a user's configuration does.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np

from evenhand import wire
from evenhand.sdk import Client, Progress

ANNOTATORS = ("Amara Okafor", "Björn Lindqvist", "Chen Yu")
MANAGER = "Marta Silva"

Answers = Callable[[Mapping[str, Any], Random], dict[str, Any]]
"""(truth, chance) -> the answers of one annotator, who now and then sees it differently."""


class Example(msgspec.Struct, frozen=True):
    """One example project."""

    draft: dict[str, Any]  # keys of `create_project`
    records: Sequence[tuple[dict[str, Any], dict[str, Any]]]  # (record, truth)
    answers: Answers
    share: float  # of the answers that are given already


def fill(client: Client, tell: Progress | None = None) -> list[wire.Project]:
    """Make the example projects that are not there yet, with people who have answered some of them.

    Args:
        client: of an owner.
        tell: called with the projects done and how many there are.
    """
    known = {project.document.name: project for project in client.projects() if project.state == "active"}
    examples = [make() for make in (messages, sentences, pairs, shelves, reviews)]
    missing = [example for example in examples if example.draft["name"] not in known]
    people = _people(client) if missing else []
    for done, example in enumerate(missing):
        if tell is not None:
            tell(done, len(missing))
        known[example.draft["name"]] = _make(client, example, people)
    return [client.project(known[example.draft["name"]].id) for example in examples]


def _people(client: Client) -> list[str]:
    """API keys of the annotators. Keys are shown once, so that a second filling brings new people."""
    client.create_member(MANAGER, role="manager")
    return [client.create_annotator(name).api_key for name in ANNOTATORS]


def _make(client: Client, example: Example, people: Sequence[str]) -> wire.Project:
    project = client.create_project(**example.draft)
    records = [_with_medium(client, project.id, record) for record, _ in example.records]
    client.import_tasks(project.id, records, name="examples")
    truths = {record["external_id"]: truth for record, truth in example.records}
    for number, api_key in enumerate(people):
        with Client(client.url, api_key) as annotator:
            _answer(annotator, project.id, example, truths, Random(number))
    return project


def _with_medium(client: Client, project_id: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record with its picture stored and referred to."""
    if not isinstance(record.get("image"), bytes):
        return record
    blob = client.upload(project_id, record["image"], "image/png")
    return record | {"image": msgspec.to_builtins(blob)}


def _answer(
    annotator: Client, project_id: str, example: Example, truths: Mapping[str, dict[str, Any]], chance: Random
) -> None:
    """Let one annotator answer a share of the tasks, as through the page."""
    overlap = example.draft.get("overlap", 1)
    for _ in range(int(len(truths) * example.share * overlap / len(ANNOTATORS))):
        work = annotator.next_assignment(project_id)
        if work is None:
            return
        truth = truths[_key_of(work.data, example)]
        annotator.submit(work.id, example.answers(truth, chance), seconds=round(chance.uniform(3, 40), 1))


def _key_of(shown: Mapping[str, Any], example: Example) -> str:
    """Which record an annotator sees: annotators are not told its id."""
    fields = [field["name"] for field in example.draft["fields"] if field["type"] != "image"]
    for record, _ in example.records:
        if all(record[name] == shown.get(name) for name in fields):
            return str(record["external_id"])
    raise AssertionError("every task comes from a record")


# -- messages: single choice and rating ---------------------------------------------------------

TOPICS = ("billing", "delivery", "technical", "account", "praise")

MESSAGES = """
billing|3|I was charged twice for my order last week. Can you refund one of the payments?
delivery|2|My parcel says "delivered" but there is nothing at my door.
technical|4|The app crashes every time I open the camera. I have a deadline tonight!
account|2|How do I change the e-mail address I sign in with?
praise|1|Just wanted to say your courier was lovely and helped my grandmother up the stairs.
billing|2|¿Por qué la factura de marzo es más alta que la de febrero?
delivery|3|Mein Paket hängt seit sechs Tagen im selben Verteilzentrum fest.
technical|3|O site fica em branco depois que clico em “Pagar”.
account|4|Someone has signed in to my account from a city I have never been to.
praise|1|Merci pour la réponse rapide, tout est réglé !
billing|2|Can I get an invoice with my company's VAT number on it?
delivery|2|配送日を来週の火曜日に変更できますか？
technical|2|Bluetooth keeps disconnecting after about ten minutes.
account|3|لا أستطيع تسجيل الدخول إلى حسابي منذ أمس.
praise|1|Best customer service I have had in years 👏
billing|4|You took 480 € from my account instead of 48 €. I need this fixed today.
delivery|3|The box arrived soaked and two of the plates are broken.
technical|3|Nach dem Update startet das Gerät nicht mehr.
account|2|Please delete my account and all the data you have about me.
praise|1|¡Qué maravilla! Llegó un día antes de lo previsto.
billing|2|The discount code SPRING did not work at checkout.
delivery|2|Kan ik het pakket ook bij een afhaalpunt laten bezorgen?
technical|2|How do I connect the speaker to two phones at once?
account|3|Nie dostaję kodu weryfikacyjnego SMS-em.
praise|1|The handwritten note in the box made my day.
billing|3|Abonelik iptal ettim ama yine de ücret alındı.
delivery|4|This is the third time the driver did not ring. I am at home all day with a sick child.
technical|4|The heater smells of burning plastic. Is it safe to keep it on?
account|2|Can my partner use the same account on another device?
praise|1|Grazie mille, il tecnico è stato gentilissimo.
billing|1|When is the next payment due?
delivery|2|Where is my order 40017? The tracking page shows nothing.
technical|3|동영상이 계속 끊겨요. 인터넷은 정상이에요.
account|2|J'ai oublié mon mot de passe et le lien de réinitialisation a expiré.
praise|1|Five stars. No notes.
billing|2|I would like to pay by bank transfer, is that possible?
delivery|2|आपने गलत रंग भेज दिया है, मुझे नीला चाहिए था।
technical|2|The manual is missing page 12. Could you send a PDF?
account|3|My account was locked after I entered the right password.
praise|1|I came with a complaint and left as a fan. Thank you, Joana!
"""


def messages() -> Example:
    """Forty messages to a shop in a dozen languages."""
    rows = [line.split("|") for line in MESSAGES.strip().splitlines()]
    records = [
        ({"external_id": f"message-{i}", "text": text}, {"topic": topic, "urgency": int(urgency)})
        for i, (topic, urgency, text) in enumerate(rows, 1)
    ]
    draft = {
        "name": "Demo: messages to a shop",
        "fields": [{"name": "text", "type": "text", "title": "Message"}],
        "questions": [
            {"name": "topic", "title": "What is it about?", "type": "choice", "choices": list(TOPICS)},
            {"name": "urgency", "title": "How urgent is it?", "type": "rating", "min": 1, "max": 4},
        ],
        "overlap": 2,
        "instructions": "Read the whole message, then say what it is **mainly** about.\n\n"
        "* Thanks without a request: *praise*.\n* Danger or a deadline today: urgency **4**.\n"
        "* Cannot read the language? Skip it and say so.",
    }
    return Example(draft, records, _on_message, 0.6)


def _on_message(truth: Mapping[str, Any], chance: Random) -> dict[str, Any]:
    topic = truth["topic"] if chance.random() < 0.85 else chance.choice(TOPICS)
    return {"topic": topic, "urgency": min(4, max(1, truth["urgency"] + chance.choice((0, 0, 0, 1, -1))))}


# -- sentences: spans ---------------------------------------------------------------------------

SENTENCES = """
[PER:Ines Moreau] moved from [LOC:Lyon] to [LOC:Accra] to run the new office of [ORG:Baobab Logistics].
The mayor of [LOC:Gdańsk], [PER:Jakub Nowak], opened the bridge on Monday.
[ORG:Kestrel Robotics] will hire two hundred people in [LOC:Pune] next year.
Nobody at [ORG:Northwind Bank] wanted to comment.
[PER:Dr. Amina Yusuf] teaches at the [ORG:University of Leiden] and lives in [LOC:Utrecht].
In [LOC:São Paulo], [PER:Rafael Costa] sold his share of [ORG:Café Aurora].
The ferry to [LOC:Ischia] was late again.
[ORG:Lumen] and [ORG:Oakfield Partners] called off their merger.
"We never met," said [PER:Olga Petrova] of her rival [PER:Hana Kim].
[PER:周敏] 在[LOC:成都]为[ORG:蓝鲸科技]工作。
The storm hit [LOC:Galway] before it reached [LOC:Cork].
[PER:Tom], who is six, drew a map of [LOC:Mars].
[ORG:Médecins du Fleuve] sent a boat to [LOC:Kisangani] 🚤.
After a decade in [LOC:Tbilisi], [PER:Nino Beridze] wrote her first novel.
[ORG:The Harbour Trust] bought the lighthouse from [PER:Captain Ellis].
Rain is expected everywhere.
[PER:ليلى حداد] تعمل في [LOC:بيروت].
[ORG:Skyline FC] beat [ORG:Riverside United] three to one in [LOC:Leeds].
[PER:María José] spoke for [ORG:Comité del Agua] in [LOC:Cochabamba].
The prize went to [PER:Kwame Mensah] of [LOC:Kumasi].
"""


def sentences() -> Example:
    """Twenty sentences with people, places and organizations, offsets in code points."""
    parsed = [_spans(line) for line in SENTENCES.strip().splitlines()]
    records = [
        ({"external_id": f"sentence-{i}", "text": text}, {"names": spans})
        for i, (text, spans) in enumerate(parsed, 1)
    ]
    labels = [
        {"id": "PER", "name": "Person"},
        {"id": "LOC", "name": "Place"},
        {"id": "ORG", "name": "Organization"},
    ]
    draft = {
        "name": "Demo: names in sentences",
        "fields": [{"name": "text", "type": "text", "title": "Sentence"}],
        "questions": [
            {"name": "names", "title": "Mark every name", "type": "span", "field": "text", "labels": labels}
        ],
        "instructions": "Mark whole names: *Dr. Amina Yusuf*, not *Amina*. Leave punctuation outside.",
    }
    return Example(draft, records, _on_sentence, 0.5)


def _spans(marked: str) -> tuple[str, list[dict[str, Any]]]:
    """The text without its marks, and the spans that they stood for."""
    text, spans = "", []
    for piece in marked.replace("[", "\n[").replace("]", "]\n").split("\n"):
        if piece.startswith("["):
            label, _, name = piece[1:-1].partition(":")
            spans.append({"start": len(text), "end": len(text) + len(name), "label": label})
            piece = name
        text += piece
    return text, spans


def _on_sentence(truth: Mapping[str, Any], chance: Random) -> dict[str, Any]:
    return {"names": [span for span in truth["names"] if chance.random() < 0.92]}


# -- pairs: preference --------------------------------------------------------------------------

PAIRS = """
Explain to a child why the sky is blue.
Sunlight holds every colour. Air scatters blue light the most, so blue reaches your eyes from every
  side.
Because of Rayleigh scattering, whose intensity goes with the inverse fourth power of the
  wavelength.
-2

Write a polite reminder about an unpaid invoice.
Pay now or else.
Dear Ms Ito, our invoice 118 of 3 May seems to be still open. Could you have a look? Kind regards.
2

What is 17 × 23?
391
17 × 23 = 381
-2

Suggest a name for a bakery by the sea.
Salt & Crumb
Bakery
-2

How do I remove red wine from a carpet?
Blot it, do not rub. Then cold water, a little dish soap, and blot again.
Rub it hard with hot water until it is gone.
-2

Translate "good morning" into Swahili.
Habari ya asubuhi
Asubuhi njema
0

Give me one tip for better sleep.
Keep the same hours every day, also at weekends.
Sleep more.
-2

Is it safe to mix bleach and vinegar?
Yes, it makes the cleaner stronger.
No. It sets free chlorine gas, which is poisonous.
2

Summarise "The Tortoise and the Hare" in one sentence.
A hare who is sure to win naps and loses to a tortoise who never stops.
It is a fable about animals.
-1

Write a haiku about rain.
Soft taps on the roof / the garden opens its mouth / evening drinks slowly
Rain rain rain rain rain / rain rain rain rain rain rain rain / rain rain rain rain rain
-2

What should I cook with eggs, rice and peas?
Egg fried rice: fry the rice hot, push it aside, scramble the eggs, add the peas.
You could cook something with eggs, rice and peas.
-2

How many moons does Mars have?
Two: Phobos and Deimos.
Mars has two moons.
-1

Draft a text to cancel dinner tonight.
can't come
So sorry, something came up and I have to cancel tonight. Can we try Thursday?
2

Name a book like "The Little Prince".
"Jonathan Livingston Seagull" by Richard Bach.
"Momo" by Michael Ende.
0

Why do cats purr?
Often from comfort, sometimes to calm themselves; nobody knows all the reasons.
Cats purr because they are always happy.
-1
"""


def pairs() -> Example:
    """Fifteen requests with two answers each."""
    rows = [block.replace("\n  ", " ").split("\n") for block in PAIRS.strip().split("\n\n")]
    records = [
        (
            {"external_id": f"pair-{i}", "request": request, "answer_a": a, "answer_b": b},
            {"better": {"preference": int(preference)}},
        )
        for i, (request, a, b, preference) in enumerate(rows, 1)
    ]
    question = {"name": "better", "title": "Which answer is better?", "type": "pairwise", "a": "answer_a"}
    draft = {
        "name": "Demo: which answer is better?",
        "fields": [
            {"name": "request", "type": "markdown", "title": "Request"},
            {"name": "answer_a", "type": "markdown", "title": "Answer A"},
            {"name": "answer_b", "type": "markdown", "title": "Answer B"},
        ],
        "questions": [question | {"b": "answer_b", "scale": 5}],
        "overlap": 3,
        "order": "random",
        "instructions": "Which would you rather get? Truth and safety first, then help, then style.",
    }
    return Example(draft, records, _on_pair, 0.4)


def _on_pair(truth: Mapping[str, Any], chance: Random) -> dict[str, Any]:
    preference = truth["better"]["preference"] + chance.choice((0, 0, 0, 1, -1))
    return {"better": {"preference": min(2, max(-2, preference))}}


# -- shelves: boxes on pictures that are drawn here ---------------------------------------------

WIDTH, HEIGHT = 480, 320  # pixels
COLOURS = {"mug": (196, 78, 60), "vase": (58, 110, 165), "plant": (74, 140, 82)}


def shelves() -> Example:
    """Eight drawn shelves with things on them. Every other one carries boxes as predictions."""
    records = []
    for number in range(1, 9):
        picture, boxes = _shelf(Random(number))
        record: dict[str, Any] = {
            "external_id": f"shelf-{number}",
            "caption": f"Shelf {number}",
            "image": picture,
        }
        if number % 2 == 0:
            record["predictions"] = [{"answers": {"things": boxes}, "model": "drawing"}]
        records.append((record, {"things": boxes}))
    labels = [{"id": name, "name": name.capitalize()} for name in COLOURS]
    draft = {
        "name": "Demo: things on a shelf",
        "fields": [
            {"name": "caption", "type": "text", "title": "Picture"},
            {"name": "image", "type": "image", "title": "Shelf"},
        ],
        "questions": [
            {
                "name": "things",
                "title": "Draw a box around each",
                "type": "box",
                "field": "image",
                "labels": labels,
            }
        ],
        "instructions": "A box touches the thing on all four sides. Check suggestions, where there are some.",
    }
    return Example(draft, records, _on_shelf, 0.4)


def _shelf(chance: Random) -> tuple[bytes, list[dict[str, Any]]]:
    """(PNG, boxes of the things on it)."""
    pixels = np.full((HEIGHT, WIDTH, 3), (236, 229, 216), np.uint8)
    pixels[HEIGHT - 60 : HEIGHT - 44] = (122, 88, 58)
    boxes = []
    for slot in range(chance.randint(3, 5)):
        name = chance.choice(list(COLOURS))
        width, height = chance.randint(44, 76), chance.randint(60, 150)
        x, y = 14 + slot * 92 + chance.randint(0, 10), HEIGHT - 60 - height
        _paint(pixels[y : y + height, x : x + width], name)
        boxes.append(
            {"x": float(x), "y": float(y), "width": float(width), "height": float(height), "label": name}
        )
    return png(pixels), boxes


def _paint(part: np.ndarray[Any, np.dtype[np.uint8]], name: str) -> None:
    """Fill a box with the thing's outline: square mug, waisted vase, plant round above its pot."""
    height, width = part.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    across, down = np.abs(x / (width - 1) * 2 - 1), y / (height - 1)
    shapes = {
        "mug": across <= 1,
        "vase": across <= 0.55 + 0.45 * np.cos(down * 2 * np.pi) ** 2,
        "plant": np.where(down < 0.7, across**2 + (down / 0.35 - 1) ** 2 <= 1, across <= 0.6),
    }
    part[shapes[name]] = COLOURS[name]


def png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """A picture as PNG (RFC 2083): 8 bits, RGB, no filter."""
    height, width = pixels.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _on_shelf(truth: Mapping[str, Any], chance: Random) -> dict[str, Any]:
    def drawn(box: Mapping[str, Any]) -> dict[str, Any]:
        return {**box, "x": box["x"] + chance.randint(-2, 2), "width": box["width"] + chance.randint(-2, 2)}

    return {"things": [drawn(box) for box in truth["things"]]}


# -- reviews: several choices, a text, and a question that depends on another -------------------

REVIEWS = """
good|food,service|Lovely soup, and the waiter remembered my allergy without being asked.
bad|price|Eleven euros for a sandwich the size of a matchbox.
good|view|You eat above the harbour while the boats come in. Go at sunset.
bad|service,noise|We waited an hour and had to shout our order over the speakers.
good|food|The dumplings alone are worth the trip.
bad|food|Cold in the middle, burnt outside.
good|price,food|Honest cooking for little money. The dal is as good as my aunt's.
bad|noise|There is a karaoke bar upstairs. You have been warned.
good|service|They held our table although we were forty minutes late.
bad|service|The bill had two dishes on it that we never ordered.
good|view,price|A terrace, a glass of wine, and change from ten euros.
bad|food,price|Paid for fresh pasta and tasted the packet.
"""


def reviews() -> Example:
    """Twelve short reviews with more than one question each."""
    rows = [line.split("|") for line in REVIEWS.strip().splitlines()]
    records = [
        (
            {"external_id": f"review-{i}", "text": text},
            {"verdict": verdict, "about": sorted(about.split(","))},
        )
        for i, (verdict, about, text) in enumerate(rows, 1)
    ]
    draft = {
        "name": "Demo: restaurant reviews",
        "fields": [{"name": "text", "type": "text", "title": "Review"}],
        "questions": [
            {
                "name": "verdict",
                "title": "Is the guest content?",
                "type": "choice",
                "choices": ["good", "bad"],
            },
            {
                "name": "about",
                "title": "What is it about?",
                "type": "multi_choice",
                "choices": ["food", "noise", "price", "service", "view"],
                "min": 1,
            },
            {
                "name": "reply",
                "title": "What should the owner answer?",
                "type": "text",
                "required": False,
                "when": {"question": "verdict", "is": "bad"},
            },
        ],
        "overlap": 2,
        "instructions": "The last question appears only for guests who are not content.",
    }
    return Example(draft, records, _on_review, 0.5)


def _on_review(truth: Mapping[str, Any], chance: Random) -> dict[str, Any]:
    answers = {"verdict": truth["verdict"], "about": truth["about"]}
    if truth["verdict"] == "bad" and chance.random() < 0.5:
        answers["reply"] = "We are sorry, and we would like to make up for it at your next visit."
    return answers
