/** The side with rooms and people: always there on a wide screen, a drawer on a narrow one. */

export class SideDrawer {
  #side;
  #opener;
  #closer;
  #shade;
  #narrow = matchMedia("(max-width: 760px)");

  /**
   * @param {HTMLElement} side @param {HTMLButtonElement} opener @param {HTMLElement} closer
   * @param {HTMLElement} shade
   */
  constructor(side, opener, closer, shade) {
    this.#side = side;
    this.#opener = opener;
    this.#closer = closer;
    this.#shade = shade;
    opener.addEventListener("click", () => this.open());
    closer.addEventListener("click", () => this.close());
    shade.addEventListener("click", () => this.close());
    addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.#narrow.addEventListener("change", () => this.#show(false));
    this.#show(false);
  }

  open() {
    if (!this.#narrow.matches) return;
    this.#show(true);
    this.#closer.focus();
  }

  close() {
    const hadFocus = this.#side.contains(document.activeElement);
    this.#show(false);
    if (hadFocus && this.#narrow.matches) this.#opener.focus();
  }

  #show(/** @type {boolean} */ open) {
    this.#side.classList.toggle("open", open);
    this.#side.inert = this.#narrow.matches && !open;
    this.#opener.disabled = !this.#narrow.matches; // then it only shows the number
    this.#shade.hidden = !open;
    this.#opener.setAttribute("aria-expanded", String(open));
  }
}
