/** The part of the page that shows one list of messages and scrolls it. */

/** @import { MessageList } from "./message-list.js" */

const NEAR_END_PIXELS = 80;
const NEAR_TOP_PIXELS = 300;
const LINE_PIXELS = 24; // above the line of the unread ones

export class LogView {
  #log;
  #empty;
  #toEnd;
  #toEndText;
  #handlers;
  #list = /** @type {MessageList | null} */ (null);
  #unseen = 0;
  #atEnd = true;
  #following = 0;

  /**
   * @param {{log: HTMLElement, empty: HTMLElement, toEnd: HTMLElement, toEndText: HTMLElement}}
   *   elements
   * @param {{onEnd: () => void, onTop: () => void}} handlers the end is seen; the top is near
   */
  constructor({ log, empty, toEnd, toEndText }, handlers) {
    this.#log = log;
    this.#empty = empty;
    this.#toEnd = toEnd;
    this.#toEndText = toEndText;
    this.#handlers = handlers;
    log.addEventListener("scroll", () => this.#handleScroll(), { passive: true });
    toEnd.addEventListener("click", () => this.scrollToEnd("smooth"));
    new ResizeObserver(() => this.#atEnd && this.#follow()).observe(log);
  }

  get atEnd() {
    return this.#atEnd;
  }

  /** Show another list, where it was left. @param {MessageList | null} list */
  show(list) {
    if (this.#list && this.#list !== list) this.#list.scroll = this.#atEnd ? null : this.#log.scrollTop;
    this.#list = list;
    this.#log.replaceChildren(this.#empty, ...(list ? [list.element] : []));
    this.#setUnseen(0);
    if (!list || list.scroll === null || list.unreadLine) return this.scrollToUnread();
    this.#log.scrollTop = list.scroll;
    this.#handleScroll();
  }

  /** @param {string} words "" where there are messages */
  showEmpty(words) {
    this.#empty.hidden = !words;
    this.#empty.textContent = words;
  }

  /** Change the list so that what is read stays where it is. @param {() => void} change */
  keepPlace(change) {
    const fromEnd = this.#log.scrollHeight - this.#log.scrollTop;
    change();
    if (this.#atEnd) this.scrollToEnd();
    else this.#log.scrollTop = this.#log.scrollHeight - fromEnd;
  }

  /** Something was added at the end. @param {boolean} fromOthers */
  added(fromOthers) {
    if (this.#atEnd) this.#follow();
    else if (fromOthers) this.#setUnseen(this.#unseen + 1);
  }

  /** Begin where the unread ones begin, if they need more than the screen. */
  scrollToUnread() {
    const line = this.#list?.unreadLine;
    const isAbove = line && line.offsetTop < this.#log.scrollHeight - this.#log.clientHeight;
    if (!isAbove) return this.scrollToEnd();
    this.#log.scrollTop = line.offsetTop - LINE_PIXELS;
    this.#handleScroll();
  }

  /** @param {ScrollBehavior} [behavior] */
  scrollToEnd(behavior = "auto") {
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior });
    if (behavior === "smooth") return;
    this.#atEnd = true;
    this.#setUnseen(0);
    this.#handlers.onEnd();
  }

  /** Go to the end once before the next drawing, however many messages come until then. */
  #follow() {
    this.#following ||= requestAnimationFrame(() => {
      this.#following = 0;
      if (this.#atEnd) this.scrollToEnd();
    });
  }

  #handleScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const wasAtEnd = this.#atEnd;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PIXELS;
    if (this.#atEnd) this.#unseen = 0;
    this.#setUnseen(this.#unseen);
    if (this.#atEnd && !wasAtEnd) this.#handlers.onEnd();
    if (scrollTop < NEAR_TOP_PIXELS) this.#handlers.onTop();
  }

  #setUnseen(/** @type {number} */ count) {
    this.#unseen = count;
    this.#toEnd.hidden = this.#atEnd;
    this.#toEndText.textContent = count ? `${count} new` : "Newest";
  }
}
