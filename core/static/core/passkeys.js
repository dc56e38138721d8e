// Says in words what went wrong with a passkey.
const reasons = {
  NotAllowedError: "You cancelled, or no device answered in time. Try again.",
  InvalidStateError: "This device has a passkey for your account already.",
  SecurityError: "Passkeys do not work at this address. Open the site by its name, such as localhost.",
};
document.addEventListener("allauth.error", (event) => {
  const trouble = document.getElementById("passkey_trouble");
  trouble.textContent = reasons[event.detail.exception.name] ?? "That did not work. Reload the page and try again.";
  event.preventDefault();
});
