// The buttons that copy the text beside them. Without a script they are not there.

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // There is no clipboard on plain http: the text is marked for the keyboard to copy.
    getSelection().selectAllChildren(source);
    said = "Marked: copy it with Ctrl+C";
  }
  button.removeAttribute("aria-label"); // so that a screen reader reads the new text
  button.textContent = said;
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", () => copy(button));
}
