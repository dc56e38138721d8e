// What refreshes itself does so only while somebody can see the page.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});

// Who is led elsewhere, to sign in again for one, gets all of that page instead of nothing.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { finalRequestPath, responsePath } = event.detail.pathInfo;
  const path = (address) => new URL(address, location).pathname;
  if (!responsePath || path(responsePath) === path(finalRequestPath)) return;
  event.detail.shouldSwap = false;
  location.reload();
});
