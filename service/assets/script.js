// Everything works without this: it only lets a press of "/" lead to the look-up.
document.addEventListener("keydown", (event) => {
  const field = document.querySelector("#user_id");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !field) return;
  if (event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  field.focus();
  field.select();
});
