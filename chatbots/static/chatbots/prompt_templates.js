// Fills a chatbot's instructions from the chosen template; without JavaScript the button does.
const templates = JSON.parse(document.getElementById("prompt-templates").textContent);
const choice = document.getElementById("id_template");
const instructions = document.getElementById("id_system_prompt");
const written = () => instructions.value.trim() && !Object.values(templates).includes(instructions.value);

document.querySelector("button[name=fill]").hidden = true;
choice.addEventListener("change", () => {
  const text = templates[choice.value];
  if (text && (!written() || confirm("Replace the instructions that you have written?"))) {
    instructions.value = text;
  }
});
