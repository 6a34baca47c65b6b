/** Texts of the annotator's page. English is always here, another language is loaded when it is wanted. */
import { currentLanguage, speaker } from "../lib/language.svelte";

const en = {
  title: "Label",
  "title.project": "{project} · Evenhand",

  // Choosing a project
  "choose.title": "What would you like to work on?",
  "choose.mine.one": "{count} answer of yours",
  "choose.mine.other": "{count} answers of yours",
  "choose.done": "{done} of {total} tasks done",
  "choose.paused": "Paused",
  "choose.complete": "Complete",
  "choose.none.title": "There is no project for you yet",
  "choose.none.text": "As soon as a manager lets you label in a project, it appears here.",
  "choose.failed": "Your projects cannot be loaded",
  "choose.another": "Choose another project",

  // The desk
  "desk.task": "Task",
  "desk.questions": "Questions",
  "desk.actions": "Actions",
  "desk.submit": "Submit",
  "desk.correct": "Save correction",
  "desk.go-on": "Go on",
  "desk.skip": "Skip",
  "desk.flag": "Flag",
  "desk.undo": "Undo",
  "desk.instructions": "Instructions",
  "desk.history": "My answers",
  "desk.more": "More",
  "desk.keys": "Keys",
  "desk.time": "Time",
  "desk.manage": "Manage projects",
  "desk.sign-out": "Sign out",
  "desk.progress": "Tasks done in this project",
  "desk.mine.one": "{count} by you",
  "desk.mine.other": "{count} by you",

  // Questions
  "question.optional": "optional",
  "question.needed": "This question needs an answer.",
  "question.suggestion": "Suggestion",
  "question.suggestion.what": "Made by a model or taken from earlier data. It counts only when you accept or change it.",
  "question.suggestion.accept": "Accept",
  "question.suggestion.aside": "Put aside",
  "question.suggestion.first": "Accept the suggestion, change it, or put it aside and answer yourself.",

  // Status
  "status.node": "Saved on the server",
  "status.device": "Saved on this device",
  "status.sending": "Saved on this device, sending…",
  "status.page": "Saving…",
  "status.offline": "Offline: what you do is saved on this device",
  "status.offline.unsent.one": "Offline: {count} answer is saved on this device and will be sent",
  "status.offline.unsent.other": "Offline: {count} answers are saved on this device and will be sent",
  "status.out": "Signed out: sign in to go on; nothing is lost",
  "status.out.here": "Sign in",
  "status.refused.one": "{count} answer was not accepted",
  "status.refused.other": "{count} answers were not accepted",
  "status.refused.look": "Look",
  "status.unkept": "This browser keeps nothing: an answer that has not been sent is lost when you close the page",
  "status.unkept.unsent.one": "This browser keeps nothing: leave this page open until {count} answer has been sent",
  "status.unkept.unsent.other": "This browser keeps nothing: leave this page open until {count} answers have been sent",

  // Banners
  "late.title": "The time reserved for this task is over.",
  "late.text": "Go on: your answer is kept. It counts if nobody else has taken the place meanwhile.",
  "correction.title": "You are correcting an answer that you gave.",
  "correction.time": "Given {time}.",
  "correction.back": "Back to the next task",
  "refused.title": "The server did not accept this answer.",
  "refused.theirs": "This answer was changed elsewhere meanwhile. Yours is shown; submitting replaces the other.",
  "refused.theirs.use": "Show the other",
  "changed.title": "The instructions or questions have changed since you last worked here.",
  "changed.show": "What changed",
  "changed.seen": "Got it",

  // What changed
  "changes.title": "What changed",
  "changes.instructions": "Instructions",
  "changes.questions": "Questions",
  "changes.fields": "What is shown",
  "changes.new": "New",
  "changes.gone": "Removed",
  "changes.changed": "Changed",
  "changes.nothing": "nothing",
  "changes.what.title": "Question",
  "changes.what.help": "Help",
  "changes.what.required": "Needs an answer",
  "changes.what.when": "Asked only if",
  "changes.what.type": "Kind of answer",
  "changes.what.choices": "Choices",
  "changes.what.labels": "Labels",

  // Nothing to show
  "lack.loading": "Getting your next task",
  "lack.nothing-left.title": "All done here",
  "lack.nothing-left.text": "There is no task left in this project that you have not answered. If more are added, they appear here by themselves.",
  "lack.all-leased.title": "The last tasks are with others right now",
  "lack.all-leased.text": "If one of them is handed back, it appears here by itself.",
  "lack.paused.title": "This project is paused",
  "lack.paused.text": "A manager has stopped it for the moment. What you have handed in is safe; when it goes on, the next task appears here.",
  "lack.no-project.title": "You cannot label in this project",
  "lack.no-project.text": "It does not exist any more, or you are not among its annotators. Ask the person who sent you here.",
  "lack.other-tab.title": "You are working on this in another tab",
  "lack.other-tab.text": "All tasks reserved for you are open there. Go on in that tab, or bring them here; what you have begun comes along.",
  "lack.other-tab.bring": "Bring them here",
  "lack.moved.title": "Your work went to another tab",
  "lack.moved.text": "Nothing is lost. You can go on there, or bring it back.",
  "lack.moved.bring": "Bring it back",
  "lack.offline.title": "The server does not answer",
  "lack.offline.text": "You have answered everything that was fetched ahead. The next task appears as soon as the connection is back.",
  "lack.unsent.title": "Your last answers are on their way",
  "lack.unsent.text": "The next task appears as soon as the server has them.",
  "lack.signed-out.title": "You are signed out",
  "lack.signed-out.text": "Sign in to go on; nothing is lost.",
  "lack.refused.title": "The server gives no task",
  "lack.history": "Look through my answers",
  "lack.mine.one": "You have answered {count} task.",
  "lack.mine.other": "You have answered {count} tasks.",

  // Skip, flag
  "skip.title": "Skip this task",
  "skip.text": "It goes to somebody else. The reason helps the project's manager.",
  "skip.reason.unclear": "I cannot tell",
  "skip.reason.broken": "Something is wrong with the data",
  "skip.reason.language": "I do not understand the language",
  "skip.reason.upset": "I would rather not see this",
  "skip.reason.else": "Another reason",
  "skip.detail": "In your words (optional)",
  "skip.do": "Skip",
  "flag.title": "Flag this task for the manager",
  "flag.text": "The task stays with you; you can still answer it.",
  "flag.reason.data": "Something is wrong with the data",
  "flag.reason.question": "The question or instructions do not fit",
  "flag.reason.private": "It shows something private or harmful",
  "flag.reason.else": "Something else",
  "flag.do": "Flag",

  // History
  "history.title": "My answers",
  "history.refused": "Not accepted",
  "history.unsent": "On their way",
  "history.unfinished": "Begun, not handed in",
  "history.given": "Handed in",
  "history.empty": "You have not handed in anything in this project yet.",
  "history.more": "Show earlier ones",
  "history.open": "Open",
  "history.discard": "Discard",
  "history.discard.sure": "Discard for ever?",
  "history.no-text": "Task {task}",
  "history.state.submitted": "counts",
  "history.state.surplus": "kept, beyond the number needed",
  "history.state.sending": "being sent",
  "history.state.refused": "not accepted",
  "history.state.live": "open",
  "history.state.lapsed": "lapsed",
  "history.state.skipped": "skipped",
  "history.state.recalled": "taken back by a manager",
  "history.revision": "correction {n}",
  "history.kind.skip": "Skip",
  "history.kind.flag": "Flag",
  "history.here": "on screen",
  "history.strangers.one": "{count} unsent answer of another account lies on this device. It is sent when that person signs in here.",
  "history.strangers.other": "{count} unsent answers of another account lie on this device. They are sent when that person signs in here.",

  // Keys
  "keys.title": "Keys",
  "keys.page": "Everywhere",
  "keys.widget": "In “{question}”",
  "keys.submit": "Submit, or go to the next question that needs an answer",
  "keys.submit.anywhere": "Submit from within a text",
  "keys.move": "Question before, after",
  "keys.undo": "Undo; after a submission, back to that task",
  "keys.redo": "Do again",
  "keys.accept": "Accept the suggestion",
  "keys.skip": "Skip",
  "keys.flag": "Flag for the manager",
  "keys.instructions": "Instructions",
  "keys.history": "Earlier answer, later answer",
  "keys.help": "These keys",
  "keys.leave": "Leave a text, so that single keys work again",
  "keys.single": "Use single keys (u, s, f, d, 1–9, …)",
  "keys.single.why": "Turn this off if you speak to your computer or press keys by accident. Ctrl+Enter always submits.",

  // Time
  "time.title": "Your time",
  "time.task": "On this task",
  "time.today": "Handed in today from this device",
  "time.today.answers.one": "in {count} answer",
  "time.today.answers.other": "in {count} answers",
  "time.how":
    "Counted is the time in which this page is in view and you are there. Reading is work: two minutes without touching anything still count. A hidden page and a sleeping computer do not. The number that you see here is the number that is sent.",
  "time.hours": "{hours} h {minutes} min",
  "time.minutes": "{minutes} min {seconds} s",
  "time.seconds": "{seconds} s",
  "time.paused": "paused",

  // Sign in again
  "sign-in.title": "Sign in to go on",
  "sign-in.text": "Your session is over. Nothing is lost: what you typed is kept on this device and sent as soon as you are back.",
  "sign-in.first": "Sign in to see your tasks.",
  "sign-in.email": "E-mail",
  "sign-in.password": "Password",
  "sign-in.do": "Sign in",
  "sign-in.with": "Sign in with {name}",
  "sign-in.link": "No password? Open your sign-in link in another tab; this page then goes on by itself.",
  "sign-in.later": "Not now",
  "sign-in.offline": "The server does not answer. Try again in a moment.",

  // Told in passing
  "told.submitted": "Submitted. Next task.",
  "told.corrected": "Correction handed in.",
  "told.skipped": "Skipped. Next task.",
  "told.flagged": "Flagged for the manager.",
  "told.surplus": "Your answer is kept, beyond the number needed: others had answered meanwhile.",
  "told.refused": "The server did not accept it.",
  "told.elsewhere": "This answer is open in another tab.",
  "told.unreachable": "The server does not answer now.",
  "told.first": "There is no earlier answer.",
  "told.kept": "Your correction is not handed in. It is kept on this device, under My answers.",
  "told.undone": "Undone.",
  "told.accepted": "Suggestion accepted.",
  "told.unfinished": "An answer that you began earlier is not handed in yet.",
  "told.unfinished.open": "Show",
} as const;

export type Texts = { readonly [key in keyof typeof en]: string };

let german = $state.raw<Texts | undefined>();

/** Get the texts of the reader's language; until they are here, or if they cannot come, English stands in. */
export async function loadTexts(): Promise<void> {
  if (currentLanguage() !== "de" || german) return;
  german = await import("./texts.de").then(
    ({ de }) => de,
    () => undefined,
  );
}

export const t = speaker({
  en,
  get de() {
    return german ?? en;
  },
});
export type TextKey = Parameters<typeof t>[0];
