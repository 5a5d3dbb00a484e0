/** The field one writes in: grows with its text, sends at Enter, says when it gets too long. */

import { MAX_BODY_BYTES } from "./goim.js";

const TOLD_BYTES = 500; // so near to the limit the bytes left are shown

export class Composer {
  #form;
  #field;
  #length;
  #button;
  #bodyOf;

  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, length: HTMLElement,
   *   button: HTMLButtonElement}} elements
   * @param {{bodyOf: (text: string) => string, send: (text: string) => void, typing: () => void}}
   *   handlers `bodyOf`: what is sent of a text, whose length counts; `typing`: there is a new text
   */
  constructor({ form, field, length, button }, { bodyOf, send, typing }) {
    this.#form = form;
    this.#field = field;
    this.#length = length;
    this.#button = button;
    this.#bodyOf = bodyOf;
    const submit = () => {
      const text = this.#take();
      if (text) send(text);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      submit();
    });
    field.addEventListener("input", () => {
      this.measure();
      if (field.value.trim()) typing();
    });
  }

  /** One may write here, or not. @param {boolean} shown */
  show(shown) {
    if (this.#form.hidden !== shown) return;
    this.#form.hidden = !shown;
    this.measure();
  }

  focus() {
    this.#field.focus();
  }

  get text() {
    return this.#field.value;
  }

  set text(text) {
    this.#field.value = text;
    this.measure();
  }

  /** Fit the field to its text; return whether the text is short enough to send. */
  measure() {
    this.#field.style.setProperty("height", "auto");
    const borders = this.#field.offsetHeight - this.#field.clientHeight;
    this.#field.style.setProperty("height", `${this.#field.scrollHeight + borders}px`);
    const body = this.#bodyOf(this.#field.value.trim());
    const left = MAX_BODY_BYTES - new TextEncoder().encode(body).length;
    this.#length.hidden = left > TOLD_BYTES;
    this.#length.textContent = left < 0 ? `${-left} bytes too long` : `${left} bytes left`;
    this.#length.classList.toggle("over", left < 0);
    this.#button.disabled = left < 0;
    return left >= 0;
  }

  /** Return the text and empty the field; "" when there is nothing that can be sent. */
  #take() {
    const text = this.#field.value.trim();
    if (!text || !this.measure()) return "";
    this.#field.value = "";
    this.measure();
    return text;
  }
}
