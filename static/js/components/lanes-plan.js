// @ts-check
/**
 * Where rows stand on the lanes' canvas, in its own pixels: the lanes from the top, under them the rows
 * of those who wait, at the foot a band for the kernel's backlog, then the scale. Rows have whole
 * pixels, so that nothing is blurred; where there are more than pixels, several share one. Pure.
 */

/** Heights of a row, in CSS pixels: it takes the largest with which all have room. */
const PITCHES = /** @type {[number, ...number[]]} */ ([34, 26, 22, 18, 15, 12, 10, 8, 6, 5, 4, 3, 2, 1, 0.5]);

/** In CSS pixels. */
export const TOP = 10;
export const LEFT = 12;
const AXIS = 22;
const BAND = 34;
/** Where the rows leave room, the band has more. */
const BAND_MOST = 100;
const BETWEEN = 12;

/**
 * @typedef {object} Plan
 * @property {number} ratio  of the canvas's pixels to CSS's
 * @property {number} width
 * @property {number} height
 * @property {number} left  where time begins
 * @property {number} right  where it ends: the moment shown last
 * @property {number} top
 * @property {number} row  height of a row
 * @property {number} thick  of a bar in it
 * @property {number} each  lanes that share a row
 * @property {number} lanes
 * @property {number} rooms
 * @property {number} bound  where the lanes end
 * @property {number} band  where the backlog's begins; 0: there is none
 * @property {number} foot  where rows and band end, and the scale begins
 */

/**
 * @param {object} size  width, height and edge in CSS pixels
 * @param {number} size.width
 * @param {number} size.height
 * @param {number} size.ratio
 * @param {number} size.edge  for the counts
 * @param {number} size.lanes
 * @param {number} size.rooms
 * @param {boolean} size.band  whether there is one
 * @param {boolean} size.waits  whether anybody is in it
 * @returns {Plan}
 */
export function planOf({ width, height, ratio, edge, lanes, rooms, band, waits }) {
  const px = (/** @type {number} */ css) => Math.round(css * ratio);
  const foot = px(height - AXIS);
  const rows = Math.max(1, lanes + rooms);
  const left = height - AXIS - TOP - (rooms ? BETWEEN : 0) - rows * PITCHES[0];
  const end = foot - px(band ? Math.max(BAND, waits ? Math.min(BAND_MOST, left) : 0) : 4);
  const room = end - px(TOP) - (rooms ? px(BETWEEN) : 0);
  const fitting = PITCHES.map((pitch) => Math.floor(pitch * ratio)).find(
    (pitch) => pitch >= 1 && pitch * rows <= room,
  );
  const row = fitting ?? 1;
  const each = fitting ? 1 : Math.ceil(rows / Math.max(1, room));
  const thick = row >= 4 * ratio ? Math.round(row * 0.46) : Math.max(1, row - Math.round(ratio / 2));
  const bound = px(TOP) + Math.ceil(lanes / each) * row;
  return {
    ratio,
    width: px(width),
    height: px(height),
    left: px(LEFT),
    right: px(width - edge),
    top: px(TOP),
    row,
    thick,
    each,
    lanes,
    rooms,
    bound,
    band: band ? end + px(6) : 0,
    foot,
  };
}

/** Whether bars are drawn with their data above and below, and not over them. @param {Plan} plan */
export const isRoomy = (plan) => plan.row >= 4 * plan.ratio;

/** @param {Plan} plan @param {number} lane */
export const laneY = (plan, lane) =>
  plan.top + Math.floor(lane / plan.each) * plan.row + Math.floor((plan.row - plan.thick) / 2);

/** @param {Plan} plan @param {number} room */
export const roomY = (plan, room) =>
  plan.bound +
  Math.round(BETWEEN * plan.ratio) +
  Math.floor(room / plan.each) * plan.row +
  Math.floor((plan.row - plan.thick) / 2);

/**
 * Which row lies at a height.
 * @param {Plan} plan
 * @param {number} y the canvas's pixels
 * @returns {{waits: boolean, first: number, last: number}|null} numbers of lanes, or of rooms
 */
export function rowAt(plan, y) {
  const waits = plan.rooms > 0 && y >= plan.bound + Math.round((BETWEEN * plan.ratio) / 2);
  const from = waits ? plan.bound + Math.round(BETWEEN * plan.ratio) : plan.top;
  const row = Math.floor((y - from) / plan.row);
  const many = Math.ceil((waits ? plan.rooms : plan.lanes) / plan.each);
  if (row < -1 || row > many) return null;
  const nearest = Math.min(Math.max(row, 0), many - 1);
  return { waits, first: nearest * plan.each, last: nearest * plan.each + plan.each - 1 };
}
