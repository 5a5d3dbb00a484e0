/** Helpers for the page's elements. Texts go in as text alone, never as HTML. */

import { hue, initials } from "./chat-message.js";
import { refusalWords } from "./words.js";

/** @param {string} id @returns {any} */
export function find(id) {
  return document.getElementById(id);
}

/**
 * @param {string} tag @param {string} className @param {string} [text]
 * @returns {HTMLElement}
 */
export function node(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** @param {string} className @param {string} text @param {() => void} act */
export function button(className, text, act) {
  const element = /** @type {HTMLButtonElement} */ (node("button", className, text));
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

/** A picture of a member: letters and a colour. @param {number} mid @param {string} name */
export function avatar(mid, name) {
  const element = node("span", "avatar");
  element.setAttribute("aria-hidden", "true");
  paintAvatar(element, mid, name);
  return element;
}

/** @param {HTMLElement} element @param {number} mid @param {string} name */
export function paintAvatar(element, mid, name) {
  element.textContent = initials(name);
  element.style.setProperty("--hue", String(hue(mid)));
}

/** Put a text into an element unless it is there; screen readers tell each change. */
export function setText(/** @type {HTMLElement} */ element, /** @type {string} */ text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element a `.problem` @param {string} words "" hides it */
export function showProblem(element, words) {
  element.textContent = words;
  element.hidden = !words;
}

/**
 * Do something when a form is submitted, once at a time; what goes wrong is said in its `.problem`.
 *
 * @param {HTMLFormElement} form @param {(form: HTMLFormElement) => Promise<void> | void} act
 */
export function onSubmit(form, act) {
  const problem = /** @type {HTMLElement} */ (form.querySelector(".problem"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    showProblem(problem, "");
    try {
      await act(form);
    } catch (error) {
      showProblem(problem, problemWords(error));
    } finally {
      form.ariaBusy = "false";
    }
  });
}

/** A refusal in words; anything else is a fault of the page. @param {any} error */
export function problemWords(error) {
  if (typeof error?.message !== "string" || !("code" in error)) throw error;
  return refusalWords(error.refusal ?? error);
}

/** The value of a field, without blanks at its ends. @param {string} id */
export function valueOf(id) {
  return String(find(id).value).trim();
}
