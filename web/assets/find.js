// Enter asks for the one line in the field. Where there are several, it begins a new one.

const field = document.getElementById("q");
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !field.value.trim().includes("\n")) {
    event.preventDefault();
    field.form.requestSubmit();
  }
});
