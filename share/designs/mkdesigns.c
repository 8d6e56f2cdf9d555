/* Draws the strips of the five designs that come with the counter.
 * usage: mkdesigns A|B|C|D|E >strip.gif
 *
 * Shapes are lines under a pen, sampled in integers only, so that every
 * machine draws the same bytes. doc/designs.md says what a strip is. */
#include "gif.h"
#include "render.h"
#include "strip.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PX = 64,     /* units a pixel */
    SAMPLES = 8, /* a pixel and direction */
    WIDTH = 15,  /* the widest tile */
    HEIGHT = 20,
    FULL = SAMPLES * SAMPLES,
};

/* One glyph while it is drawn: colours of the design's palette. */
struct tile {
    unsigned width, height;
    uint8_t at[HEIGHT][WIDTH];
};

/* How much of each pixel a shape covers, 0..FULL. */
struct mask {
    int at[HEIGHT][WIDTH];
};

struct line {
    int x0, y0, x1, y1;
};

enum pen { ROUND, DIAMOND }; /* DIAMOND: level and upright lines only */

struct shape {
    struct line lines[128];
    size_t n;
    int radius;
    enum pen pen;
    int slant;    /* units to the right for PX up */
    int slant_at; /* the y that stays */
};

/* --- shapes ------------------------------------------------------------ */

static void add_line(struct shape *s, int x0, int y0, int x1, int y1)
{
    if (s->n == sizeof s->lines / sizeof *s->lines) {
        abort();
    }
    s->lines[s->n++] = (struct line){x0, y0, x1, y1};
}

static bool near_round(const struct line *l, int x, int y, int radius)
{
    int64_t dx = l->x1 - l->x0, dy = l->y1 - l->y0;
    int64_t px = x - l->x0, py = y - l->y0;
    int64_t along = px * dx + py * dy, length2 = dx * dx + dy * dy;
    int64_t across = px * dy - py * dx, r2 = (int64_t)radius * radius;

    if (along > 0 && along < length2) {
        return across * across <= r2 * length2;
    }
    if (along > 0) {
        px = x - l->x1;
        py = y - l->y1;
    }
    return px * px + py * py <= r2;
}

static int outside(int v, int low, int high)
{
    return v < low ? low - v : v > high ? v - high : 0;
}

static bool near_line(const struct shape *s, const struct line *l, int x, int y)
{
    return s->pen == ROUND ? near_round(l, x, y, s->radius)
                           : outside(x, l->x0, l->x1) + outside(y, l->y0, l->y1)
                                 <= s->radius;
}

static bool inside(const struct shape *s, int x, int y)
{
    x -= s->slant * (s->slant_at - y) / PX;
    for (size_t i = 0; i < s->n; i++) {
        if (near_line(s, &s->lines[i], x, y)) {
            return true;
        }
    }
    return false;
}

static int cover(const struct shape *s, unsigned px, unsigned py)
{
    int n = 0;

    for (int i = 0; i < FULL; i++) {
        int x = (int)px * PX + (2 * (i % SAMPLES) + 1) * PX / (2 * SAMPLES);
        int y = (int)py * PX + (2 * (i / SAMPLES) + 1) * PX / (2 * SAMPLES);

        n += inside(s, x, y);
    }
    return n;
}

static void draw(const struct tile *t, const struct shape *s, struct mask *m)
{
    for (unsigned y = 0; y < t->height; y++) {
        for (unsigned x = 0; x < t->width; x++) {
            m->at[y][x] = cover(s, x, y);
        }
    }
}

/* --- outlines of characters -------------------------------------------- */

/* The middle of the pen's way in a box of 60 x 100: M move, L line, C curve
 * (cubic, as in SVG). */
static const struct {
    char c;
    const char *path;
} outlines[] = {
    {'0', "M30 0 C50 0 60 20 60 50 C60 80 50 100 30 100 C10 100 0 80 0 50"
          " C0 20 10 0 30 0"},
    {'1', "M10 20 C22 17 32 11 36 0 L36 100"},
    {'2', "M3 27 C4 9 15 0 31 0 C48 0 58 11 58 28 C58 44 46 55 30 68"
          " C14 81 4 90 2 100 L60 100"},
    {'3', "M4 21 C8 7 17 0 30 0 C46 0 56 9 56 24 C56 39 46 47 28 47"
          " M28 47 C48 47 60 57 60 73 C60 90 47 100 30 100 C14 100 4 92 1 77"},
    {'4', "M45 100 L45 0 L0 69 L60 69"},
    {'5', "M54 0 L10 0 L5 46 C12 39 21 36 30 36 C48 36 60 48 60 67"
          " C60 87 47 100 29 100 C14 100 4 92 1 79"},
    {'6', "M56 17 C51 6 43 0 32 0 C12 0 1 20 1 54 C1 85 12 100 31 100"
          " C49 100 60 88 60 69 C60 51 48 40 31 40 C13 40 1 52 1 66"},
    {'7', "M0 0 L60 0 C42 26 26 60 20 100"},
    {'8', "M30 46 C14 46 4 37 4 23 C4 9 14 0 30 0 C46 0 56 9 56 23"
          " C56 37 46 46 30 46 C11 46 0 57 0 73 C0 90 12 100 30 100"
          " C48 100 60 90 60 73 C60 57 49 46 30 46"},
    {'9', "M4 83 C9 94 17 100 28 100 C48 100 59 80 59 46 C59 15 48 0 29 0"
          " C11 0 0 12 0 31 C0 49 12 60 29 60 C47 60 59 48 59 34"},
    {'A', "M0 100 L30 0 L60 100 M11 66 L49 66"},
    {'D', "M0 0 L22 0 C46 0 60 18 60 50 C60 82 46 100 22 100 L0 100 L0 0"},
    {'H', "M0 0 L0 100 M60 0 L60 100 M0 50 L60 50"},
    {'M', "M0 100 L0 0 L30 60 L60 0 L60 100"},
    {'P', "M0 100 L0 0 L32 0 C51 0 60 11 60 28 C60 45 51 56 32 56 L0 56"},
    {'S', "M57 20 C53 7 43 0 30 0 C14 0 4 9 4 24 C4 58 60 40 60 74"
          " C60 91 47 100 30 100 C14 100 4 92 1 78"},
    {'-', "M0 50 L60 50"},
};

/* Where a box stands, in units. */
struct box {
    int x, y, width, height;
};

static int number(const char **p)
{
    char *end;
    long v = strtol(*p, &end, 10);

    if (end == *p) {
        abort();
    }
    *p = end;
    return (int)v;
}

static int between(int a, int b, int t, int steps)
{
    return a + (b - a) * t / steps;
}

/* De Casteljau, one coordinate; v holds the four points. */
static int curve_at(const int v[4], int t, int steps)
{
    int a = between(v[0], v[1], t, steps), b = between(v[1], v[2], t, steps),
        c = between(v[2], v[3], t, steps);

    return between(between(a, b, t, steps), between(b, c, t, steps), t, steps);
}

static void add_curve(struct shape *s, const int x[4], const int y[4])
{
    enum { STEPS = 12 };
    int from_x = x[0], from_y = y[0];

    for (int t = 1; t <= STEPS; t++) {
        int to_x = curve_at(x, t, STEPS), to_y = curve_at(y, t, STEPS);

        add_line(s, from_x, from_y, to_x, to_y);
        from_x = to_x;
        from_y = to_y;
    }
}

static void add_path(struct shape *s, const char *p, const struct box *box)
{
    int x[4] = {0}, y[4] = {0};

    while (*p) {
        char what = *p++;
        int points = what == 'C' ? 3 : 1;

        for (int i = 1; i <= points; i++) {
            x[i] = box->x + number(&p) * box->width / 60;
            y[i] = box->y + number(&p) * box->height / 100;
        }
        if (what == 'C') {
            add_curve(s, x, y);
        }
        else if (what == 'L') {
            add_line(s, x[0], y[0], x[1], y[1]);
        }
        x[0] = x[points];
        y[0] = y[points];
        p += strspn(p, " ");
    }
}

static void add_char(struct shape *s, char c, int x, int y, int width,
                     int height)
{
    const struct box box = {x, y, width, height};

    for (size_t i = 0; i < sizeof outlines / sizeof *outlines; i++) {
        if (outlines[i].c == c) {
            add_path(s, outlines[i].path, &box);
        }
    }
}

static void add_dot(struct shape *s, int x, int y)
{
    add_line(s, x, y, x, y);
}

/* A pixel and its tenths, in units. */
static int px(int tenths)
{
    return tenths * PX / 10;
}

/* --- A: green LED ------------------------------------------------------ */

/* Segments a to g, as on every data sheet: a is the lowest bit. */
static const uint8_t segments[10] = {0x3f, 0x06, 0x5b, 0x4f, 0x66,
                                     0x6d, 0x7d, 0x07, 0x7f, 0x6f};

enum { A_RAMP = 14, A_LIT = A_RAMP - 1, A_TOP = A_RAMP, A_BOTTOM };

static struct shape led_shape(int radius)
{
    return (struct shape){.radius = radius,
                          .pen = DIAMOND,
                          .slant = PX / 11,
                          .slant_at = px(100)};
}

static void add_segments(struct shape *s, unsigned which)
{
    enum { LEFT = 350, RIGHT = 1090, TOP = 350, MIDDLE = 1000, FOOT = 1650 };
    enum { GAP = 170 };
    static const int ends[7][4] = {
        {LEFT + GAP, TOP, RIGHT - GAP, TOP},
        {RIGHT, TOP + GAP, RIGHT, MIDDLE - GAP},
        {RIGHT, MIDDLE + GAP, RIGHT, FOOT - GAP},
        {LEFT + GAP, FOOT, RIGHT - GAP, FOOT},
        {LEFT, MIDDLE + GAP, LEFT, FOOT - GAP},
        {LEFT, TOP + GAP, LEFT, MIDDLE - GAP},
        {LEFT + GAP, MIDDLE, RIGHT - GAP, MIDDLE},
    };

    for (unsigned i = 0; i < 7; i++) {
        if (which >> i & 1) {
            add_line(s, ends[i][0] * PX / 100, ends[i][1] * PX / 100,
                     ends[i][2] * PX / 100, ends[i][3] * PX / 100);
        }
    }
}

/* Mean of the pixels around: the light that a segment throws. */
static int glow_at(const struct mask *lit, const struct tile *t, int x, int y)
{
    int sum = 0;

    for (int dy = -2; dy <= 2; dy++) {
        for (int dx = -2; dx <= 2; dx++) {
            int sx = x + dx, sy = y + dy;

            if (sx >= 0 && sx < (int)t->width && sy >= 0
                && sy < (int)t->height) {
                sum += lit->at[sy][sx];
            }
        }
    }
    return sum / 25;
}

static void paint_led(struct tile *t, const struct mask *lit,
                      const struct mask *core, const struct mask *ghost)
{
    for (unsigned y = 0; y < t->height; y++) {
        for (unsigned x = 0; x < t->width; x++) {
            int light = (lit->at[y][x] * 9 + core->at[y][x] * 4) / FULL;
            int dim = glow_at(lit, t, (int)x, (int)y) * 6 / FULL;
            int off = ghost->at[y][x] * 3 / FULL;

            dim = off > dim ? off : dim;
            t->at[y][x] = (uint8_t)(light > dim ? light : dim);
        }
    }
    memset(t->at[0], A_TOP, t->width);
    memset(t->at[t->height - 1], A_BOTTOM, t->width);
}

static void add_led_mark(struct shape *s, char c)
{
    s->pen = ROUND;
    switch (c) {
    case ':':
        add_dot(s, px(45), px(68));
        add_dot(s, px(45), px(132));
        break;
    case 'A':
    case 'P':
        add_char(s, c, px(20), px(100), px(38), px(66));
        add_char(s, 'M', px(82), px(100), px(48), px(66));
        break;
    case ',':
        add_dot(s, px(45), px(163));
        add_line(s, px(45), px(163), px(38), px(180));
        break;
    case '-':
        s->pen = DIAMOND;
        add_line(s, px(32), px(100), px(78), px(100));
        break;
    default:
        add_char(s, c, px(40), px(84), px(68), px(82));
    }
}

static void draw_a(struct tile *t, char c)
{
    struct shape lit = led_shape(px(15)), core = led_shape(px(7)),
                 ghost = led_shape(px(15));
    struct mask m_lit, m_core, m_ghost;

    if (c >= '0' && c <= '9') {
        add_segments(&lit, segments[c - '0']);
        add_segments(&core, segments[c - '0']);
        add_segments(&ghost, 0x7f & ~segments[c - '0']);
    }
    else {
        add_led_mark(&lit, c);
        add_led_mark(&core, c);
        if (strchr("APDHMS", c)) {
            lit.radius = px(c == 'A' || c == 'P' ? 7 : 10);
            core.radius = px(4);
        }
    }
    draw(t, &lit, &m_lit);
    draw(t, &core, &m_core);
    draw(t, &ghost, &m_ghost);
    paint_led(t, &m_lit, &m_core, &m_ghost);
}

/* --- B: odometer ------------------------------------------------------- */

enum { B_RAMP = 16, B_WHITE = B_RAMP - 1 };

/* How light the drum is, row by row, in 1/16 of white. */
static const int drum[HEIGHT] = {20,  62,  104, 140, 170, 194, 213,
                                 227, 236, 240, 240, 236, 228, 216,
                                 198, 176, 148, 112, 70,  24};

static struct shape upright(int radius)
{
    return (struct shape){.radius = radius, .pen = ROUND};
}

static void add_upright(struct shape *s, const struct tile *t, char c)
{
    int middle = (int)t->width * PX / 2;

    switch (c) {
    case ':':
        add_dot(s, middle, px(72));
        add_dot(s, middle, px(130));
        break;
    case 'A':
    case 'P':
        add_char(s, c, px(22), px(70), px(40), px(65));
        add_char(s, 'M', px(82), px(70), px(46), px(65));
        break;
    case ',':
        add_dot(s, middle, px(146));
        add_line(s, middle, px(146), middle - px(7), px(164));
        break;
    case '-':
        add_line(s, middle - px(20), px(100), middle + px(20), px(100));
        break;
    case '1': /* its weight lies at the right of the box */
        add_char(s, c, middle - px(40), px(43), px(68), px(116));
        break;
    default:
        add_char(s, c, middle - px(34), px(43), px(68), px(116));
    }
}

static uint8_t drum_color(int cover_ink, unsigned y, bool seam)
{
    int paper = drum[y] * (seam ? 5 : 8) / 8, ink = drum[y] / 10;
    int light = (paper * (FULL - cover_ink) + ink * cover_ink) / FULL;

    return (uint8_t)(light * B_WHITE / 240);
}

static void draw_b(struct tile *t, char c)
{
    struct shape ink = upright(px(strchr("AP", c) ? 7 : 12));
    struct mask m;

    add_upright(&ink, t, c);
    draw(t, &ink, &m);
    for (unsigned y = 0; y < t->height; y++) {
        for (unsigned x = 0; x < t->width; x++) {
            t->at[y][x] = drum_color(m.at[y][x], y, x == 0);
        }
        t->at[y][t->width - 1] = 0; /* the gap between two drums */
    }
}

/* --- C: white italic on black ------------------------------------------ */

enum { C_RAMP = 16 };

static void draw_c(struct tile *t, char c)
{
    struct shape ink = upright(px(strchr("AP", c) ? 8 : 12));
    struct mask m;

    ink.slant = PX / 5;
    ink.slant_at = px(100);
    add_upright(&ink, t, c);
    draw(t, &ink, &m);
    for (unsigned y = 0; y < t->height; y++) {
        for (unsigned x = 0; x < t->width; x++) {
            t->at[y][x] = (uint8_t)(m.at[y][x] * (C_RAMP - 1) / FULL);
        }
    }
}

/* --- D: thin green LED, pixel by pixel --------------------------------- */

enum { D_GROUND, D_GHOST, D_GLOW, D_LIT };

static void level(struct tile *t, unsigned x, unsigned y, unsigned n,
                  uint8_t color)
{
    memset(t->at[y] + x, color, n);
}

static void upright_line(struct tile *t, unsigned x, unsigned y, unsigned n,
                         uint8_t color)
{
    for (unsigned i = 0; i < n; i++) {
        t->at[y + i][x] = color;
    }
}

static void thin_segments(struct tile *t, unsigned which, uint8_t color)
{
    for (unsigned i = 0; i < 3; i++) {
        if (which & (i == 0 ? 0x01u : i == 1 ? 0x40u : 0x08u)) {
            level(t, 2, 1 + 5 * i, 5, color);
        }
    }
    if (which & 0x20) {
        upright_line(t, 1, 2, 4, color);
    }
    if (which & 0x02) {
        upright_line(t, 7, 2, 4, color);
    }
    if (which & 0x10) {
        upright_line(t, 1, 7, 4, color);
    }
    if (which & 0x04) {
        upright_line(t, 7, 7, 4, color);
    }
}

/* Corners between two lit segments take some of their light. */
static void soften(struct tile *t)
{
    for (unsigned y = 1; y + 1 < t->height; y++) {
        for (unsigned x = 1; x + 1 < t->width; x++) {
            int beside = (t->at[y][x - 1] == D_LIT)
                         + (t->at[y][x + 1] == D_LIT);
            int above = (t->at[y - 1][x] == D_LIT)
                        + (t->at[y + 1][x] == D_LIT);

            if (t->at[y][x] != D_LIT && beside == 1 && above >= 1) {
                t->at[y][x] = D_GLOW;
            }
        }
    }
}

static void bitmap(struct tile *t, unsigned x, unsigned y,
                   const char *const *rows, unsigned n, uint8_t color)
{
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = 0; rows[i][j]; j++) {
            if (rows[i][j] == '#') {
                t->at[y + i][x + j] = color;
            }
        }
    }
}

static const char *const thin_a[] = {" ### ", "#   #", "#   #", "#####",
                                     "#   #", "#   #", "#   #"};
static const char *const thin_p[] = {"#### ", "#   #", "#   #", "#### ",
                                     "#    ", "#    ", "#    "};
static const char *const thin_m[] = {"#   #", "## ##", "# # #", "# # #",
                                     "#   #", "#   #", "#   #"};

static void draw_d(struct tile *t, char c)
{
    switch (c) {
    case ':':
        level(t, 2, 4, 2, D_LIT);
        level(t, 2, 8, 2, D_LIT);
        break;
    case 'A':
    case 'P':
        bitmap(t, 1, 5, c == 'A' ? thin_a : thin_p, 7, D_LIT);
        bitmap(t, 8, 5, thin_m, 7, D_LIT);
        break;
    case ',':
        upright_line(t, 3, 10, 2, D_LIT);
        t->at[12][2] = D_LIT;
        break;
    case '-':
        level(t, 1, 6, 5, D_LIT);
        break;
    default:
        thin_segments(t, 0x7f, D_GHOST);
        thin_segments(t, segments[c - '0'], D_LIT);
        soften(t);
    }
}

/* --- E: tiny black on white -------------------------------------------- */

static const char *const tiny[10][7] = {
    {" ### ", "#   #", "#   #", "#   #", "#   #", "#   #", " ### "},
    {"  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "},
    {" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"},
    {" ### ", "#   #", "    #", "  ## ", "    #", "#   #", " ### "},
    {"   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "},
    {"#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "},
    {" ### ", "#    ", "#    ", "#### ", "#   #", "#   #", " ### "},
    {"#####", "    #", "    #", "   # ", "  #  ", "  #  ", "  #  "},
    {" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "},
    {" ### ", "#   #", "#   #", " ####", "    #", "    #", " ### "},
};
static const char *const tiny_am[] = {" #  # #", "# # ###", "### ###",
                                      "# # # #", "# # # #"};
static const char *const tiny_pm[] = {"##  # #", "# # ###", "##  ###",
                                      "#   # #", "#   # #"};

static void draw_e(struct tile *t, char c)
{
    switch (c) {
    case ':':
        level(t, 2, 3, 1, 1);
        level(t, 2, 6, 1, 1);
        break;
    case 'A':
    case 'P':
        bitmap(t, 0, 3, c == 'A' ? tiny_am : tiny_pm, 5, 1);
        break;
    case ',':
        upright_line(t, 2, 6, 2, 1);
        t->at[8][1] = 1;
        break;
    case '-':
        level(t, 1, 4, 3, 1);
        break;
    default:
        bitmap(t, 0, 1, tiny[c - '0'], 7, 1);
    }
}

/* --- strips ------------------------------------------------------------ */

struct stop { /* a colour at a place of the palette */
    unsigned at;
    uint8_t rgb[3];
};

static const struct {
    char name;
    uint8_t height, digit, colon, half, comma, dash, unit;
    void (*draw)(struct tile *, char);
    struct stop stops[10]; /* between two of them, colours blend */
} designs[] = {
    {'A', 20, 15, 9, 15, 9, 11, 15, draw_a,
     {{0, {0, 0, 0}},
      {3, {0, 48, 0}},
      {6, {0, 132, 0}},
      {9, {0, 255, 0}},
      {A_LIT, {170, 255, 170}},
      {A_TOP, {40, 48, 44}},
      {A_BOTTOM, {22, 30, 25}}}},
    {'B', 20, 15, 9, 15, 9, 10, 0, draw_b,
     {{0, {10, 9, 8}},
      {8, {136, 128, 112}},
      {B_WHITE, {252, 248, 234}}}},
    {'C', 20, 15, 9, 15, 9, 10, 0, draw_c,
     {{0, {0, 0, 0}}, {7, {146, 146, 150}}, {C_RAMP - 1, {255, 255, 255}}}},
    {'D', 13, 9, 6, 15, 6, 8, 0, draw_d,
     {{D_GROUND, {0, 0, 0}},
      {D_GHOST, {0, 46, 0}},
      {D_GLOW, {0, 124, 0}},
      {D_LIT, {0, 255, 0}}}},
    {'E', 9, 6, 6, 7, 6, 6, 0, draw_e, {{0, {255, 255, 255}}, {1, {0, 0, 0}}}},
};

static void make_palette(const struct stop *stops, struct counter_palette *p)
{
    const struct stop *s = stops;

    p->transparent = -1;
    p->n = 1;
    memcpy(p->rgb[0], s->rgb, 3);
    for (; s[1].at; s++) {
        int steps = (int)(s[1].at - s->at);

        for (int t = 1; t <= steps; t++, p->n++) {
            for (unsigned i = 0; i < 3; i++) {
                p->rgb[p->n][i] =
                    (uint8_t)between(s->rgb[i], s[1].rgb[i], t, steps);
            }
        }
    }
}

static unsigned glyph_width(size_t design, unsigned glyph)
{
    const uint8_t others[] = {designs[design].colon, designs[design].half,
                              designs[design].half, designs[design].comma,
                              designs[design].dash};

    if (glyph < COUNTER_DIGITS) {
        return designs[design].digit;
    }
    glyph -= COUNTER_DIGITS;
    return glyph < sizeof others ? others[glyph] : designs[design].unit;
}

static void place(struct counter_canvas *c, const struct tile *t, unsigned x)
{
    for (unsigned y = 0; y < t->height; y++) {
        memcpy(c->pixels + (size_t)y * c->width + x, t->at[y], t->width);
    }
}

/* Draws all glyphs and writes "N:b0:b1:...:bN". */
static void draw_strip(size_t design, struct counter_canvas *c, char *layout,
                       size_t size)
{
    static const char chars[] = "0123456789:AP,-DHMS";
    unsigned count = designs[design].unit ? COUNTER_GLYPHS : COUNTER_GLYPHS - 4;
    unsigned x = 0;
    size_t len = (size_t)snprintf(layout, size, "%u:0", count);

    for (unsigned g = 0; g < count; g++) {
        struct tile t = {.width = glyph_width(design, g), .height = c->height};

        designs[design].draw(&t, chars[g]);
        place(c, &t, x);
        x += t.width;
        len += (size_t)snprintf(layout + len, size - len, ":%u", x);
    }
}

static void *take(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

/* The comment goes before the trailer, the last byte. */
static bool write_strip(const uint8_t *gif, size_t len, const char *layout)
{
    size_t n = strlen(layout);

    return fwrite(gif, 1, len - 1, stdout) == len - 1
           && printf("\x21\xfe%c%s", (int)n, layout) == (int)n + 3
           && fwrite("\0\x3b", 1, 2, stdout) == 2 && fflush(stdout) == 0;
}

static bool make_strip(size_t design)
{
    static const struct counter_alloc a = {take, NULL};
    struct counter_canvas c = {.height = designs[design].height};
    char layout[256];
    uint8_t *gif;
    size_t len;

    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        c.width += glyph_width(design, g);
    }
    make_palette(designs[design].stops, &c.palette);
    c.pixels = calloc(c.width, c.height);
    if (!c.pixels) {
        return false;
    }
    draw_strip(design, &c, layout, sizeof layout);
    if (counter_gif_encode(&c, &a, &gif, &len) != 0) {
        free(c.pixels);
        return false;
    }
    free(c.pixels);
    if (!write_strip(gif, len, layout)) {
        free(gif);
        return false;
    }
    free(gif);
    return true;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        if (argc == 2 && argv[1][0] == designs[i].name && !argv[1][1]) {
            return make_strip(i) ? 0 : 1;
        }
    }
    fputs("usage: mkdesigns A|B|C|D|E >strip.gif\n", stderr);
    return 64;
}
