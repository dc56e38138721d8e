// Shows moments in the reader's own zone; the exact instant stays on hover.
const zoned = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) continue;
  time.title = `${exact.format(moment)} (${time.title})`;
  if (!("relative" in time.dataset)) time.textContent = zoned.format(moment);
}
