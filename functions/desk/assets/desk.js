// Ticks the countdowns. Everything works without it: the page says the same as of when it was made.
"use strict";

const madeAt = Number(document.body.dataset.now);
const loadedAt = Date.now();

// The desk's clock, not this machine's: only the time that passed since is taken from here.
const now = () => madeAt + (Date.now() - loadedAt);

const length = (milliseconds) => {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return minutes ? `${minutes} min` : `${seconds} s`;
};

const tick = () => {
  for (const time of document.querySelectorAll("time[data-due]")) {
    const left = Date.parse(time.dateTime) - now();
    const text = left > 0 ? `in ${length(left)}` : `${length(-left)} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
};

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);

// Copies a message; without this script its text can be marked and copied by hand.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Marked: copy it";
    }
  });
}
