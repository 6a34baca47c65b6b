import type { Field, Json, Question } from "../src/widget";

export interface Sample {
  type: string;
  /** What ?only= chooses it by, where that is not its type. */
  part?: string;
  title: string;
  config: { [key: string]: Json };
  fields: Field[];
  data: { [field: string]: Json };
  value?: Json;
  required?: boolean;
}

const text = (name: string): Field => ({ name, type: "text", title: "" });

const SENTENCE =
  "Ada Lovelace met Charles Babbage in London on 5 June 1833. 👩‍💻 She later wrote the first published algorithm, for the Analytical Engine of the University of Cambridge's Lucasian Professor, and Zoë Müller-Lüdenscheidt of Köln translated it.\n\nذهب عُمَر إلى مكة.";

const ANSWERS = {
  a: "The capital of Australia is Sydney, which is also its largest city.",
  b: "Canberra is the capital of Australia. It was chosen in 1908 as a compromise between Sydney and Melbourne, and the parliament has sat there since 1927.",
};

/** A span over these words, in code points. */
function marked(words: string, label: string): { [key: string]: Json } {
  const start = [...SENTENCE.slice(0, SENTENCE.indexOf(words))].length;
  return { start, end: start + [...words].length, label };
}

const JOINING: { [key: string]: Json } = {
  field: "text",
  labels: ["Person", "Firm", "Place"],
  relations: [
    { name: "works for", from: ["Person"], to: ["Firm"] },
    { name: "lives in", from: ["Person"], to: ["Place"] },
    { name: "knows", from: ["Person"], to: ["Person"], directed: false },
    "same as",
  ],
};

const PARTS = [
  ["Amara Okafor", "Person", " joined "], ["Nordwind Logistics", "Firm", " in "], ["Hamburg", "Place", ", where she met "],
  ["Jonas Weber", "Person", ", who had left "], ["Tidewater Shipping", "Firm", " the year before. "],
] as const;

/** Forty spans and thirty relations, some of them across many lines. */
function crowd(): { text: string; value: Json } {
  let text = "";
  const spans: { start: number; end: number; label: string; relations?: { to: number; label: string }[] }[] = [];
  for (let i = 0; i < 40; i += 1) {
    const [words, label, then] = PARTS[i % 5] as (typeof PARTS)[number];
    spans.push({ start: text.length, end: text.length + words.length, label });
    text += words + then;
  }
  const join = (from: number, to: number, label: string) => (spans[from]!.relations ??= []).push({ to, label });
  for (let i = 0; i < 40; i += 5) {
    join(i, i + 1, "works for");
    join(i, i + 2, "lives in");
    join(i, i + 3, "knows");
  }
  for (let i = 0; i < 6; i += 1) join(i * 5, ((i * 3 + 11) % 8) * 5, "same as");
  return { text, value: spans.map((span) => (span.relations ? { ...span, relations: span.relations.filter((one, n, all) => spans[one.to] !== span && all.indexOf(one) === n).sort((a, b) => a.to - b.to) } : span)) };
}

const CROWD = crowd();

const countries = Array.from({ length: 120 }, (_, i) => new Intl.DisplayNames("en", { type: "region" }).of(
  String.fromCharCode(65 + (i % 26)) + String.fromCharCode(65 + ((i * 7) % 26)),
) ?? `Country ${i}`);

const FILM = { blob: "film", type: "video/webm", width: 320, height: 180, fps: 25 };

export const samples: Sample[] = [
  { type: "choice", title: "Is it spam?", config: { choices: ["ham", "spam"] }, fields: [], data: {}, value: "spam" },
  {
    type: "choice",
    title: "What is the customer's intent?",
    config: {
      choices: [
        { name: "Refund", description: "Money back for something bought" },
        { name: "Delivery", description: "Where is it, when does it come" },
        "Complaint",
        "Praise",
        { name: "Other", key: "o" },
      ],
    },
    fields: [],
    data: {},
    required: false,
  },
  { type: "choice", title: "Which country?", config: { choices: [...new Set(countries)] }, fields: [], data: {} },
  {
    type: "multi_choice",
    title: "Which topics does it touch?",
    config: {
      choices: [
        "Politics",
        { name: "Sport", children: ["Football", "Chess", { name: "Water", children: ["Rowing", "Swimming"] }] },
        { name: "Science", children: ["Physics", "Biology"] },
      ],
      leaves_only: true,
    },
    fields: [],
    data: {},
    value: ["Chess", "Physics"],
  },
  {
    type: "span",
    title: "Mark people and places",
    config: { field: "text", labels: ["Person", "Place", { name: "Organization", id: "ORG" }, "Date"], overlap: true },
    fields: [text("text")],
    data: { text: SENTENCE },
    value: [
      marked("Ada Lovelace", "Person"),
      marked("Charles Babbage", "Person"),
      marked("London", "Place"),
      marked("University of Cambridge", "ORG"),
      marked("Cambridge", "Place"),
    ],
  },
  {
    type: "span",
    part: "relations",
    title: "Who works for whom?",
    config: JOINING,
    fields: [text("text")],
    data: { text: "Amara Okafor works for Nordwind Logistics in Hamburg. She knows Jonas Weber from Bonn." },
    value: [
      { start: 0, end: 12, label: "Person", relations: [{ to: 1, label: "works for" }] },
      { start: 23, end: 41, label: "Firm" },
      { start: 45, end: 52, label: "Place" },
      { start: 64, end: 75, label: "Person" },
      { start: 81, end: 85, label: "Place" },
    ],
  },
  { type: "span", part: "relations", title: "A long text of relations", config: JOINING, fields: [text("text")], data: { text: CROWD.text }, value: CROWD.value },
  {
    type: "span",
    part: "relations",
    title: "Right to left",
    config: { ...JOINING, relations: ["يعيش في"] },
    fields: [text("text")],
    data: { text: "ذهب عُمَر من القاهرة إلى مكة ثم عاد إلى بيته في المدينة مع صديقه خالد بعد أيام طويلة من السفر." },
    value: [
      { start: 4, end: 9, label: "Person", relations: [{ to: 1, label: "يعيش في" }, { to: 2, label: "يعيش في" }] },
      { start: 13, end: 20, label: "Place" },
      { start: 48, end: 55, label: "Place" },
    ],
  },
  {
    type: "text",
    title: "Correct the transcript",
    config: { start_from: "draft", max_length: 200 },
    fields: [text("draft")],
    data: { draft: "Teh quick brown fox jump over the lazy dog." },
    value: "The quick brown fox jumps over the lazy dog.",
  },
  { type: "rating", title: "How helpful is the answer?", config: { labels: { "1": "Not at all", "5": "Very" } }, fields: [], data: {}, value: 4 },
  {
    type: "rating",
    title: "How does it sound?",
    config: { min: -2, max: 2, labels: { "-2": "Hostile", "-1": "Cool", "0": "Neutral", "1": "Warm", "2": "Loving" } },
    fields: [],
    data: {},
  },
  { type: "number", title: "How many people are in the picture?", config: { min: 0, max: 500, integer: true, unit: "people" }, fields: [], data: {}, value: 12 },
  {
    type: "pairwise",
    title: "Which answer is better?",
    config: { a: "a", b: "b", scale: 5, both_bad: true, justification: "required" },
    fields: [text("a"), text("b")],
    data: ANSWERS,
    value: { preference: 2 },
  },
  {
    type: "ranking",
    title: "Order by how much you like them",
    config: { items: ["Espresso", "Cappuccino", "Filter coffee", "Tea", "Maté"], ties: true },
    fields: [],
    data: {},
    value: [["Tea"], ["Espresso", "Maté"]],
  },
  {
    type: "box",
    title: "Draw a box around each car and each pedestrian",
    config: { field: "photo", labels: ["Car", "Pedestrian", "Bicycle"], rotation: true },
    fields: [{ name: "photo", type: "image", title: "" }],
    data: { photo: { blob: "street", width: 1200, height: 700 } },
    value: [
      { x: 120, y: 380, width: 330, height: 180, label: "Car" },
      { x: 640, y: 330, width: 80, height: 210, label: "Pedestrian" },
      { x: 830, y: 400, width: 200, height: 90, label: "Bicycle", rotation: 20 },
    ],
  },
  {
    type: "polygon",
    title: "Outline each car and each house",
    config: { field: "photo", labels: ["Car", "House"] },
    fields: [{ name: "photo", type: "image", title: "" }],
    data: { photo: { blob: "street", width: 1200, height: 700 } },
    value: [
      { points: [[120, 560], [120, 450], [200, 440], [250, 380], [380, 380], [430, 450], [450, 560]], label: "Car" },
      { points: [[820, 320], [820, 120], [930, 40], [1040, 120], [1040, 320]], label: "House" },
    ],
  },
  {
    type: "keypoint",
    title: "Set a point on each joint",
    config: { field: "photo", labels: ["Head", "Hip", "Left foot", "Right foot"], once: true, radius: 10 },
    fields: [{ name: "photo", type: "image", title: "" }],
    data: { photo: { blob: "street", width: 1200, height: 700 } },
    value: [
      { x: 680, y: 350, label: "Head" },
      { x: 680, y: 450, label: "Hip", visible: false },
    ],
  },
  {
    type: "mask",
    title: "Paint over the road and the sky",
    config: { field: "photo", labels: ["Road", "Sky", "Car"] },
    fields: [{ name: "photo", type: "image", title: "" }],
    data: { photo: { blob: "street", width: 1200, height: 700 } },
    value: [
      { label: "Sky", width: 1200, height: 700, runs: [0, 1200 * 150, 1200 * 550] },
      { label: "Road", width: 1200, height: 700, runs: [1200 * 580, 1200 * 120] },
    ],
  },
  {
    type: "time_span",
    title: "Mark each word, and write it down",
    config: { field: "words", labels: ["Speech", "Noise"], overlap: false, transcript: true },
    fields: [{ name: "words", type: "audio", title: "" }],
    data: { words: { blob: "words" } },
    value: [
      { start: 0.2, end: 0.85, label: "Speech", text: "Good" },
      { start: 0.95, end: 1.8, label: "Speech" },
    ],
  },
  {
    type: "time_span",
    part: "film",
    title: "Mark where the box is in the upper half, and where in the lower",
    config: { field: "film", labels: ["Upper", "Lower"] },
    fields: [{ name: "film", type: "video", title: "" }],
    data: { film: FILM },
    value: [{ start: 0.4, end: 1.6, label: "Upper" }],
  },
];

samples.push({
  type: "track",
  title: "Follow the box",
  config: { field: "film", labels: ["Box", "Number"] },
  fields: [{ name: "film", type: "video", title: "" }],
  data: { film: FILM },
  value: [
    { keyframes: [{ time: 0, x: 0.05, y: 0.2, width: 0.2, height: 0.25 }, { time: 3.96, x: 0.7, y: 0.5, width: 0.2, height: 0.25 }], label: "Box" },
    { keyframes: [{ time: 0.2, x: 0.01, y: 0.84, width: 0.125, height: 0.15 }, { time: 2, x: 0.01, y: 0.84, width: 0.125, height: 0.15, outside: true }], label: "Number" },
  ],
});

export const question = (sample: Sample): Question => ({
  id: sample.title,
  title: sample.title,
  help: "",
  type: `${sample.type}/1`,
  required: sample.required ?? true,
  config: sample.config,
});

export const fields: { field: Field; value: Json }[] = [
  { field: { name: "text", type: "text", title: "Message" }, value: SENTENCE },
  {
    field: { name: "markdown", type: "markdown", title: "Article" },
    value:
      "# Heading\n\nSome **bold** and *slanted* text, `code`, a [link](https://example.org) and a picture ![a cat](https://example.org/cat.png).\n\n> Quoted\n\n1. One\n2. Two\n\n```python\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>document.title = 'broken'</script>",
  },
  {
    field: { name: "chat", type: "chat", title: "Conversation" },
    value: [
      { role: "system", content: "You are a patient tutor." },
      { role: "user", content: "What is the capital of Australia?" },
      { role: "assistant", content: ANSWERS.b },
      { role: "user", content: "Thanks! 🙏" },
    ],
  },
  { field: { name: "photo", type: "image", title: "Photo" }, value: { blob: "street", width: 1200, height: 700 } },
  { field: { name: "remote", type: "image", title: "Picture elsewhere" }, value: "https://example.org/cat.png" },
  { field: { name: "sound", type: "audio", title: "Recording" }, value: { blob: "sound" } },
  { field: { name: "film", type: "video", title: "Video" }, value: FILM },
  { field: { name: "broken", type: "video", title: "Video that no browser plays" }, value: { blob: "broken", type: "video/mp4" } },
  {
    field: { name: "html", type: "html", title: "Page" },
    value:
      "<h1>A page</h1><p onclick=\"parent.document.title='broken'\">With <a href='https://example.org'>a link</a>, <img src=x onerror=\"parent.document.title='broken'\"> and a script.<script>parent.document.title='broken'</script></p><meta http-equiv=refresh content='0;url=https://example.org'><style>p{color:#725}</style>",
  },
];
