// What counts seconds does so only while somebody can see it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.matches("[data-while-seen]")) event.preventDefault();
});

// Who has to sign in again is told so; what was typed on the page stays.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { finalRequestPath, responsePath } = event.detail.pathInfo;
  const path = (address) => new URL(address, location).pathname;
  if (!responsePath || path(responsePath) === path(finalRequestPath)) return;
  event.detail.shouldSwap = false;
  const link = document.createElement("a");
  link.href = location.pathname + location.search;
  link.textContent = "Sign in again";
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.setAttribute("role", "status");
  notice.append(link, " to see what is new here.");
  event.detail.target.replaceWith(notice);
});
