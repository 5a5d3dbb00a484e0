/** A side of the page: always there on a wide screen, a drawer on a narrow one. */

export class SideDrawer {
  #side;
  #opener;
  #shade;
  #narrow;
  #allowed = true;

  /**
   * @param {HTMLElement} side @param {HTMLButtonElement} opener @param {HTMLElement} closer
   * @param {HTMLElement} shade @param {string} narrow when it is a drawer, as a media query
   */
  constructor(side, opener, closer, shade, narrow) {
    this.#side = side;
    this.#opener = opener;
    this.#shade = shade;
    this.#narrow = matchMedia(narrow);
    opener.addEventListener("click", () => this.open(closer));
    closer.addEventListener("click", () => this.close());
    shade.addEventListener("click", () => this.close());
    addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.#narrow.addEventListener("change", () => this.#show(false));
    this.#show(false);
  }

  /** Show it where it is a drawer. @param {HTMLElement} [focus] what gets the focus */
  open(focus) {
    if (!this.#narrow.matches) return;
    this.#show(true);
    focus?.focus();
  }

  close() {
    if (!this.#side.classList.contains("open")) return;
    const hadFocus = this.#side.contains(document.activeElement);
    this.#show(false);
    if (hadFocus) this.#opener.focus();
  }

  /** There is something in it, or not. @param {boolean} allowed */
  allow(allowed) {
    this.#allowed = allowed;
    this.#side.hidden = !allowed;
    if (!allowed) this.close();
  }

  #show(/** @type {boolean} */ open) {
    this.#side.classList.toggle("open", open);
    this.#side.hidden = !this.#allowed;
    this.#side.inert = this.#narrow.matches && !open;
    this.#shade.hidden = !open;
    this.#opener.setAttribute("aria-expanded", String(open));
  }
}
