// Asking the API as the login of this browser, and asking back before something is gone.

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "");

const said = (problem) =>
  [...(problem.errors?.map((fault) => faultOf(fault)) ?? [problem.detail]), problem.hint].map(sentence).join(" ").trim();

const faultOf = ({ path, message }) => (/^(must|is|should)\b/.test(message) ? `${path} ${message}` : message);

// Returns what was answered; throws an error whose message may be shown. Who is no longer logged in goes to the login.
export async function ask(method, path, body) {
  const content = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`/api/v1${path}`, { method, ...content }).catch(() => null);
  if (answer === null) throw new Error("Livermore does not answer. Is it running?");
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {});
  }
  const told = answer.status === 204 ? null : await answer.json().catch(() => ({ detail: `the answer was ${answer.status}` }));
  if (!answer.ok) throw new Error(said(told));
  return told;
}

// Says whether the question was answered with the verb; Escape is a no, and so is the button that has the focus.
export function confirmed(question, verb) {
  const dialog = document.createElement("dialog");
  dialog.className = "question";
  dialog.innerHTML = `<form method="dialog"><p id="question"></p>
    <button class="plain" value="no" autofocus>Cancel</button><button class="danger" value="yes"></button></form>`;
  dialog.setAttribute("aria-labelledby", "question");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector(".danger").textContent = verb;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }),
  );
}
