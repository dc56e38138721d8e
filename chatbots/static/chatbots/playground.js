// Asks the chatbot without loading the page anew; its answer appears while it is made.
const form = document.getElementById("ask");
const turns = document.getElementById("turns");
const messages = turns.parentElement;
const left = document.getElementById("left");
const cited = document.getElementById("cited");
const question = form.elements.message;
const button = form.querySelector("button");

function showEnd() {
  messages.scrollTop = messages.scrollHeight;
}

function bubble(role, text) {
  const item = document.createElement("li");
  item.className = role;
  const paragraph = document.createElement("p");
  paragraph.className = "prose";
  paragraph.textContent = text;
  item.append(paragraph);
  turns.append(item);
  showEnd();
  return item;
}

async function* eventsOf(response) {
  let unread = "";
  for await (const part of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
    const events = (unread + part).split("\n\n");
    unread = events.pop();
    for (const event of events) {
      const [name, data] = event.split("\n");
      yield [name.slice("event: ".length), JSON.parse(data.slice("data: ".length))];
    }
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

function show(answer, done) {
  left.textContent = done.left;
  cited.innerHTML = done.passages;
  answer.id = done.id;
  answer.insertAdjacentHTML("beforeend", done.foot);
  showEnd();
}

async function ask() {
  const body = new FormData(form);
  bubble("user", question.value.trim());
  const answer = bubble("assistant waits", "");
  const text = answer.querySelector("p");
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/event-stream" } });
    if (!response.ok) throw new Error((await response.json()).detail);
    question.value = "";
    for await (const [name, data] of eventsOf(response)) {
      if (name === "delta") text.textContent += data.text;
      if (name === "done") show(answer, data);
      if (name === "error") throw new Error(data.detail);
      showEnd();
    }
  } catch (error) {
    answer.classList.add("failed");
    text.textContent = error instanceof SyntaxError ? "Something went wrong. Load the page again." : error.message;
  }
  answer.classList.remove("waits");
}

showEnd();
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!question.value.trim() || button.disabled) return;
  button.disabled = true;
  await ask();
  button.disabled = false;
  question.focus();
});

// Rates an answer; the server sends the buttons as they are then.
turns.addEventListener("submit", async (event) => {
  event.preventDefault();
  const rating = event.target;
  const foot = rating.parentElement;
  const position = [...rating.querySelectorAll("button")].indexOf(event.submitter);
  const body = new FormData(rating, event.submitter);
  const response = await fetch(rating.action, { method: "POST", body, headers: { Accept: "application/json" } });
  if (!response.ok) return location.reload();
  rating.outerHTML = (await response.json()).html;
  foot.querySelectorAll(".rating button")[position].focus();
});
