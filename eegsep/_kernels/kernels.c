/* The network's passes over trials, each worked on while it is in a core's cache.

   Maps lie beside each other: for each sample one vector of LANES maps, a "block" of them, so that
   transforms, normalisations and poolings are plain arithmetic on the processor's vectors, and no
   sum goes across a vector. Compiled for float and for double by hatch_build.py, called by
   library.py. Each function does a part of the work, from `first` up to `last`, as one thread
   among others, and returns 0, or 1 for want of memory. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef DOUBLE
typedef double real;
typedef uint64_t bits;
#else
typedef float real;
typedef uint32_t bits;
#endif
#ifdef __AVX512F__
enum { BYTES = 64 };
#else
enum { BYTES = 32 };
#endif
enum { LANES = BYTES / sizeof(real), SINGLE = sizeof(real) == sizeof(float) };
typedef real vec __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));
typedef bits mask __attribute__((vector_size(BYTES)));
typedef struct { vec re, im; } cvec;
typedef ptrdiff_t count;

#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))

/* What a pass takes, the same in library.py. Of maps there are n_maps filtered in time and n_out
   that come out; blocks of them are n_blocks and n_out_blocks. Shapes are given in vectors. */
typedef struct {
    count n_trials, n_chans, n_times, n_maps, n_blocks, n_out, n_out_blocks;
    count length, left;     /* of kernels; zeros that they see before the first sample */
    count n_fft, n_passes;  /* of transforms */
    count pool, n_pooled;   /* samples averaged, and how many come out */
    count together;         /* trials in a complex signal, 1 or 2, which share its rounding errors */
    count n_parts;          /* parts of a batch, for each of which gradients are summed */
    const count *radices, *starts; /* of each transform's pass, and where its twiddles begin */
    const real *twiddles;   /* of a pass over `size` numbers, radix - 1 for each of size / radix */
    const real *x;          /* (n_trials, n_chans, n_times), plain rows */
    const vec *weight;      /* (n_blocks, n_chans): spatial filters */
    cvec *transfer;         /* (n_blocks, n_fft): kernels' spectra, divided by n_fft */
    cvec *spectra;          /* (n_trials / 2, n_blocks, n_fft), or none to keep */
    const vec *kernels, *reversed; /* (n_blocks, length) */
    const vec *pointwise, *transposed; /* (n_out_blocks, n_maps), (n_blocks, n_out) */
    vec *y;                 /* (n_trials, n_out_blocks, n_times): before normalisation */
    double *means, *squares; /* (n_trials, n_out_blocks, LANES), or none to take */
    const vec *norm;        /* (5, n_out_blocks): mean, scale, offset; in gradients, what passes
                               through the batch's mean and variance */
    real *pooled;           /* (n_trials, n_out, n_pooled), plain rows */
    vec *slopes;            /* (n_trials, n_out_blocks, n_pooled, 2), or none to keep */
    const real *grad;       /* like pooled */
    vec *sums;              /* (n_trials, n_out_blocks, 2) */
    real *grad_x;           /* like x */
    cvec *cross;            /* (n_parts, n_blocks, n_fft) */
    vec *grad_weight;       /* (n_parts, n_blocks, n_chans) */
    vec *grad_kernels, *grad_pointwise; /* (n_parts, n_blocks, length), (n_parts, n_out_blocks, n_maps) */
} Pass;

EXPORT int lanes(void) { return LANES; }

INLINE count least(count a, count b) { return a < b ? a : b; }

static void *space_for(count n)
{
    void *space = aligned_alloc(64, (n * sizeof(vec) + 63) / 64 * 64);
    if (space) memset(space, 0, n * sizeof(vec));
    return space;
}

/* Vectors of at most LANES maps, of plain rows of n values. */
INLINE vec gathered(const real *rows, count n, count n_maps)
{
    vec out = {0};
    for (int i = 0; i < LANES; i++)
        if (i < n_maps) out[i] = rows[i * n];
    return out;
}

INLINE void scatter(vec values, real *rows, count n, count n_maps)
{
    for (int i = 0; i < LANES; i++)
        if (i < n_maps) rows[i * n] = values[i];
}

/* -- sums of products ------------------------------------------------------------------------- */

/* out[i] += sum over k < n_k of a[i * a_i + k * a_k] * b[k * b_k], for each i < n, the rows of out
   being `by` vectors apart: of scalars a product of matrices, of vectors a correlation of each lane
   with its own. A tile of sums stays in registers. */
#define DEFINE_PRODUCTS(name, type)                                                                \
    INLINE void name##_tile(const int n, vec *out, count by, const type *a, count a_i, count a_k,  \
                            const vec *b, count b_k, count n_k)                                    \
    {                                                                                              \
        vec sums[8];                                                                               \
        for (int i = 0; i < n; i++) sums[i] = out[i * by];                                         \
        for (count k = 0; k < n_k; k++)                                                            \
            for (int i = 0; i < n; i++) sums[i] += a[i * a_i + k * a_k] * b[k * b_k];              \
        for (int i = 0; i < n; i++) out[i * by] = sums[i];                                         \
    }                                                                                              \
                                                                                                   \
    static void name(count n, vec *out, count by, const type *a, count a_i, count a_k,             \
                     const vec *b, count b_k, count n_k)                                           \
    {                                                                                              \
        for (; n >= 8; n -= 8, out += 8 * by, a += 8 * a_i)                                        \
            name##_tile(8, out, by, a, a_i, a_k, b, b_k, n_k);                                     \
        if (n & 4) name##_tile(4, out, by, a, a_i, a_k, b, b_k, n_k), out += 4 * by, a += 4 * a_i; \
        if (n & 2) name##_tile(2, out, by, a, a_i, a_k, b, b_k, n_k), out += 2 * by, a += 2 * a_i; \
        if (n & 1) name##_tile(1, out, by, a, a_i, a_k, b, b_k, n_k);                              \
    }

DEFINE_PRODUCTS(mix, real)
DEFINE_PRODUCTS(correlate, vec)

/* -- normalisation, ELU, pooling --------------------------------------------------------------- */

INLINE vec chosen(mask where, vec a, vec b) { return (vec)((where & (mask)a) | (~where & (mask)b)); }

/* exp(x) for x <= 0. Not further down than where a product with what comes out stays a normal
   number: others cost a hundred times as much. NaN stays NaN. */
INLINE vec exponential(vec x)
{
    static const real taylor[] = {
        1, 1, 1 / 2., 1 / 6., 1 / 24., 1 / 120., 1 / 720., 1 / 5040., 1 / 40320., 1 / 362880.,
        1 / 3628800., 1 / 39916800., 1 / 479001600., 1 / 6227020800.,
    };
    const vec lowest = (vec){0} - 50;
    /* ln 2 in two parts, and what leaves the nearest whole number in the last bits of a sum */
    const real high = SINGLE ? 0.693359375 : 6.93145751953125e-1;
    const real low = SINGLE ? -2.12194440e-4 : 1.42860682030941723212e-6;
    const real rounding = SINGLE ? 0x1.8p23 : 0x1.8p52;
    x = chosen((mask)(x < lowest), lowest, x);
    vec shifted = x * (real)1.44269504088896340736 + rounding, whole = shifted - rounding;
    vec rest = x - whole * high - whole * low, sum = {0};
#pragma GCC unroll 14
    for (int i = SINGLE ? 7 : 13; i >= 0; i--) sum = sum * rest + taylor[i];
    const bits one = SINGLE ? 0x3f800000 : 0x3ff0000000000000;
    return sum * (vec)(((mask)shifted << (SINGLE ? 23 : 52)) + one);
}

INLINE vec below_zero(vec x) { return chosen((mask)(x > (vec){0}), (vec){0}, x); }

/* Normalise y, ELU, average: into pooled, and of each average into slopes its derivative and its
   product with the centred y, which is all that the normalisation's gradients need of y. */
EXPORT int pool(const Pass *p, count first, count last)
{
    count n_blocks = p->n_out_blocks;
    for (count row = first * n_blocks; row < last * n_blocks; row++) {
        count trial = row / n_blocks, block = row % n_blocks, map = block * LANES;
        vec mean = p->norm[block], scale = p->norm[n_blocks + block];
        vec offset = p->norm[2 * n_blocks + block];
        const vec *y = p->y + row * p->n_times;
        real *pooled = p->pooled + (trial * p->n_out + map) * p->n_pooled, share = (real)1 / p->pool;
        for (count i = 0; i < p->n_pooled; i++) {
            vec total = {0}, slope = {0}, product = {0};
            for (count t = 0; t < p->pool; t++, y++) {
                vec u = scale * *y + offset, below = below_zero(u), power = exponential(below);
                total += (u - below) + (power - 1);
                slope += power;
                product += power * (*y - mean);
            }
            scatter(total * share, pooled + i, p->n_pooled, p->n_out - map);
            if (p->slopes) {
                p->slopes[2 * (row * p->n_pooled + i)] = slope * share;
                p->slopes[2 * (row * p->n_pooled + i) + 1] = product * share;
            }
        }
    }
    return 0;
}

/* Sums over each row of what passes to the normalisation's bias and, times its scale, weight. */
EXPORT int pool_sums(const Pass *p, count first, count last)
{
    count n_blocks = p->n_out_blocks;
    for (count row = first * n_blocks; row < last * n_blocks; row++) {
        count trial = row / n_blocks, map = row % n_blocks * LANES;
        const real *grad = p->grad + (trial * p->n_out + map) * p->n_pooled;
        const vec *slopes = p->slopes + 2 * row * p->n_pooled;
        vec sum = {0}, product = {0};
        for (count i = 0; i < p->n_pooled; i++) {
            vec g = gathered(grad + i, p->n_pooled, p->n_out - map);
            sum += g * slopes[2 * i], product += g * slopes[2 * i + 1];
        }
        p->sums[2 * row] = sum, p->sums[2 * row + 1] = product;
    }
    return 0;
}

/* Gradient with respect to a block of y, normalised by the batch's moments, to vectors `by` apart. */
static void pool_backward(const Pass *p, count trial, count block, vec *out, count by)
{
    count n_blocks = p->n_out_blocks, map = block * LANES;
    const vec *norm = p->norm + block, *y = p->y + (trial * n_blocks + block) * p->n_times;
    vec mean = norm[0], scale = norm[n_blocks], offset = norm[2 * n_blocks];
    vec of_mean = norm[3 * n_blocks], of_variance = norm[4 * n_blocks];
    const real *grad = p->grad + (trial * p->n_out + map) * p->n_pooled, share = (real)1 / p->pool;
    for (count i = 0, t = 0; t < p->n_times; i++) {
        vec g = {0};
        if (i < p->n_pooled) g = gathered(grad + i, p->n_pooled, p->n_out - map) * share;
        for (count end = least(p->n_times, t + p->pool); t < end; t++) {
            vec power = exponential(below_zero(scale * y[t] + offset));
            out[t * by] = scale * (g * power - of_mean - of_variance * (y[t] - mean));
        }
    }
}

/* Mean and centred sum of squares of each lane. */
static void moments(const vec *y, count n, double *means, double *squares)
{
    enum { MANY = 4 }; /* sums at once: a processor adds faster than it has a sum */
    vec sums[MANY] = {0}, rests[MANY] = {0}, products[MANY] = {0};
    count t = 0;
    for (; t + MANY <= n; t += MANY)
        for (int i = 0; i < MANY; i++) sums[i] += y[t + i];
    for (; t < n; t++) sums[0] += y[t];
    vec centre = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / (real)n;
    /* centred before squaring, so that nothing cancels; what rounding of the centre leaves is put
       right by its own sum */
    for (t = 0; t < n; t += MANY)
        for (int i = 0; i < MANY; i++)
            if (t + i < n) {
                vec deviation = y[t + i] - centre;
                rests[i] += deviation, products[i] += deviation * deviation;
            }
    vec rest = (rests[0] + rests[1]) + (rests[2] + rests[3]);
    vec square = (products[0] + products[1]) + (products[2] + products[3]);
    for (int i = 0; i < LANES; i++) {
        double correction = (double)rest[i] / n;
        means[i] = centre[i] + correction;
        squares[i] = square[i] - n * correction * correction;
    }
}

/* -- Fourier transforms of complex numbers, a lane each, in place ------------------------------- */

INLINE cvec plus(cvec x, cvec y) { return (cvec){x.re + y.re, x.im + y.im}; }
INLINE cvec minus(cvec x, cvec y) { return (cvec){x.re - y.re, x.im - y.im}; }
INLINE cvec times(cvec x, real a) { return (cvec){x.re * a, x.im * a}; }
INLINE cvec multiplied(cvec x, cvec y)
{
    return (cvec){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
/* x times the conjugate of y */
INLINE cvec correlated(cvec x, cvec y)
{
    return (cvec){x.re * y.re + x.im * y.im, x.im * y.re - x.re * y.im};
}
/* x + i y, x - i y for a negative sign */
INLINE cvec plus_turned(cvec x, cvec y, const int sign)
{
    return sign > 0 ? (cvec){x.re - y.im, x.im + y.re} : (cvec){x.re + y.im, x.im - y.re};
}

/* Transform 2, 3, 4 or 5 numbers, in place; the sign is that of the exponent. */
INLINE void transform_few(cvec *x, const int radix, const int sign)
{
    if (radix == 2) {
        cvec a = x[0];
        x[0] = plus(a, x[1]), x[1] = minus(a, x[1]);
    } else if (radix == 3) {
        cvec both = plus(x[1], x[2]), middle = plus(x[0], times(both, -0.5));
        cvec turned = times(minus(x[1], x[2]), 0.86602540378443864676);
        x[0] = plus(x[0], both);
        x[1] = plus_turned(middle, turned, sign), x[2] = plus_turned(middle, turned, -sign);
    } else if (radix == 4) {
        cvec even = plus(x[0], x[2]), odd = plus(x[1], x[3]);
        cvec middle = minus(x[0], x[2]), turned = minus(x[1], x[3]);
        x[0] = plus(even, odd), x[2] = minus(even, odd);
        x[1] = plus_turned(middle, turned, sign), x[3] = plus_turned(middle, turned, -sign);
    } else {
        const real c1 = 0.30901699437494742410, s1 = 0.95105651629515357212;
        const real c2 = -0.80901699437494742410, s2 = 0.58778525229247312917;
        cvec outer = plus(x[1], x[4]), inner = plus(x[2], x[3]), first = x[0];
        cvec d1 = minus(x[1], x[4]), d2 = minus(x[2], x[3]);
        cvec m1 = plus(first, plus(times(outer, c1), times(inner, c2)));
        cvec m2 = plus(first, plus(times(outer, c2), times(inner, c1)));
        cvec t1 = plus(times(d1, s1), times(d2, s2)), t2 = minus(times(d1, s2), times(d2, s1));
        x[0] = plus(first, plus(outer, inner));
        x[1] = plus_turned(m1, t1, sign), x[4] = plus_turned(m1, t1, -sign);
        x[2] = plus_turned(m2, t2, sign), x[3] = plus_turned(m2, t2, -sign);
    }
}

INLINE void butterflies(cvec *z, count n, count size, const real *twiddles, const int radix,
                        const int sign, const int turned)
{
    count step = size / radix;
    for (cvec *end = z + n; z < end; z += size)
        for (count j = 0; j < step; j++) {
            cvec x[5];
            for (int q = 0; q < radix; q++) {
                x[q] = z[j + q * step];
                if (turned && sign > 0 && q > 0) {
                    const real *w = twiddles + 2 * (j * (radix - 1) + q - 1);
                    x[q] = (cvec){x[q].re * w[0] + x[q].im * w[1], x[q].im * w[0] - x[q].re * w[1]};
                }
            }
            transform_few(x, radix, sign);
            for (int q = 0; q < radix; q++) {
                if (turned && sign < 0 && q > 0) {
                    const real *w = twiddles + 2 * (j * (radix - 1) + q - 1);
                    x[q] = (cvec){x[q].re * w[0] - x[q].im * w[1], x[q].re * w[1] + x[q].im * w[0]};
                }
                z[j + q * step] = x[q];
            }
        }
}

#define DEFINE_PASS(radix)                                                                        \
    static void pass_##radix(cvec *z, count n, count size, const real *twiddles, int sign)          \
    {                                                                                             \
        if (sign < 0 && size > radix) butterflies(z, n, size, twiddles, radix, -1, 1);            \
        else if (sign < 0) butterflies(z, n, size, twiddles, radix, -1, 0);                       \
        else if (size > radix) butterflies(z, n, size, twiddles, radix, 1, 1);                    \
        else butterflies(z, n, size, twiddles, radix, 1, 0);                                      \
    }
DEFINE_PASS(2) DEFINE_PASS(3) DEFINE_PASS(4) DEFINE_PASS(5)

/* One pass over blocks of `size` numbers of n, or with a sign of 1 what undoes it but for a factor. */
static void pass(const Pass *p, count level, cvec *z, count n, count size, int sign)
{
    const real *twiddles = p->twiddles + 2 * p->starts[level];
    switch (p->radices[level]) {
    case 2: pass_2(z, n, size, twiddles, sign); break;
    case 3: pass_3(z, n, size, twiddles, sign); break;
    case 4: pass_4(z, n, size, twiddles, sign); break;
    default: pass_5(z, n, size, twiddles, sign);
    }
}

/* What happens to a spectrum, its frequencies in an order of their own, between a transform (unless
   `undone`) and its inverse (unless `only`). */
typedef struct {
    int only, undone;
    const cvec *transfer;
    cvec *kept, *cross; /* the spectrum; sums of its products with the conjugate of another */
} Spectrum;

static void multiply(const Spectrum *s, cvec *z, count at, count n)
{
    if (s->cross)
        for (count i = at; i < at + n; i++) {
            s->cross[i] = plus(s->cross[i], correlated(s->kept[i], z[i]));
            z[i] = multiplied(z[i], s->transfer[i]);
        }
    else if (s->transfer) {
        if (s->kept) memcpy(s->kept + at, z + at, n * sizeof *z);
        for (count i = at; i < at + n; i++) z[i] = correlated(z[i], s->transfer[i]);
    }
}

/* Take n numbers through the passes from `level` on, and back, block by block once they fit the
   first cache. */
static void through(const Pass *p, const Spectrum *s, cvec *z, count at, count n, count level)
{
    enum { FEW = 24576 / sizeof(cvec) };
    count last = level, radix = p->radices[level], size = n;
    if (n > FEW) {
        if (!s->undone) pass(p, level, z + at, n, n, -1);
        for (count q = 0; q < radix; q++) through(p, s, z, at + q * (n / radix), n / radix, level + 1);
        if (!s->only) pass(p, level, z + at, n, n, 1);
        return;
    }
    for (; last < p->n_passes; size /= p->radices[last++])
        if (!s->undone) pass(p, last, z + at, n, size, -1);
    multiply(s, z, at, n);
    while (last-- > level) {
        size *= p->radices[last];
        if (!s->only) pass(p, last, z + at, n, size, 1);
    }
}

/* Transform some of p->transfer, or undo it in p->cross, but for a factor of n_fft. */
EXPORT int transform(const Pass *p, count first, count last)
{
    Spectrum s = {.only = p->transfer != NULL, .undone = p->transfer == NULL};
    for (count block = first; block < last; block++)
        through(p, &s, (p->transfer ? p->transfer : p->cross) + block * p->n_fft, 0, p->n_fft, 0);
    return 0;
}

/* -- the first block: filters over electrodes, and after each a kernel in time ------------------ */

/* Filter x to y, with its moments, `together` trials at once. */
EXPORT int filter(const Pass *p, count first, count last)
{
    cvec *z = space_for(2 * p->n_blocks * p->n_fft);
    if (!z) return 1;
    for (count group = first; group < last; group++) {
        count begin = group * p->together, end = least(p->n_trials, begin + p->together);
        memset(z, 0, p->n_blocks * p->n_fft * sizeof *z);
        for (count block = 0; block < p->n_blocks; block++) {
            cvec *signal = z + block * p->n_fft;
            for (count trial = begin; trial < end; trial++)
                mix(p->n_times, &signal->re + (trial - begin), 2, p->x + trial * p->n_chans * p->n_times,
                    1, p->n_times, p->weight + block * p->n_chans, 1, p->n_chans);
            count kept = (group * p->n_blocks + block) * p->n_fft;
            Spectrum s = {.transfer = p->transfer + block * p->n_fft,
                          .kept = p->spectra ? p->spectra + kept : NULL};
            through(p, &s, signal, 0, p->n_fft, 0);
            for (count trial = begin; trial < end; trial++) {
                count row = trial * p->n_blocks + block;
                vec *y = p->y + row * p->n_times, *from = &signal->re + (trial - begin);
                for (count t = 0; t < p->n_times; t++) y[t] = from[2 * t];
                if (p->means)
                    moments(y, p->n_times, p->means + row * LANES, p->squares + row * LANES);
            }
        }
    }
    free(z);
    return 0;
}

/* Gradients with respect to filters, and the spectra of those to kernels, for some of n_parts. */
EXPORT int filter_backward(const Pass *p, count first, count last)
{
    count n_pairs = (p->n_trials + 1) / 2, n_row = p->n_chans * p->n_times;
    cvec *z = space_for(2 * p->n_fft);
    if (!z) return 1;
    for (count part = first; part < last; part++) {
        vec *grad_weight = p->grad_weight + part * p->n_blocks * p->n_chans;
        cvec *cross = p->cross + part * p->n_blocks * p->n_fft;
        memset(grad_weight, 0, p->n_blocks * p->n_chans * sizeof *grad_weight);
        memset(cross, 0, p->n_blocks * p->n_fft * sizeof *cross);
        count pair = part * n_pairs / p->n_parts, n = (part + 1) * n_pairs / p->n_parts;
        for (count i = pair * p->n_blocks; i < n * p->n_blocks; i++) {
            count block = i % p->n_blocks, begin = i / p->n_blocks * 2;
            count end = least(p->n_trials, begin + 2);
            memset(z, 0, p->n_fft * sizeof *z);
            for (count trial = begin; trial < end; trial++)
                pool_backward(p, trial, block, &z->re + (trial - begin), 2);
            Spectrum s = {.transfer = p->transfer + block * p->n_fft,
                          .kept = p->spectra + i * p->n_fft, .cross = cross + block * p->n_fft};
            through(p, &s, z, 0, p->n_fft, 0);
            for (count trial = begin; trial < end; trial++)
                mix(p->n_chans, grad_weight + block * p->n_chans, 1, p->x + trial * n_row, p->n_times,
                    1, &z->re + (trial - begin), 2, p->n_times);
        }
    }
    free(z);
    return 0;
}

/* -- the second block: a short kernel for each map, tap by tap, and weighted sums of the maps ---- */

/* Lay out a trial's maps from its plain rows, `left` zeros before them, and filter them. */
static void filter_maps(const Pass *p, count trial, vec *wide, vec *filtered)
{
    count width = p->n_times + p->length - 1;
    memset(filtered, 0, p->n_blocks * p->n_times * sizeof *filtered);
    for (count block = 0; block < p->n_blocks; block++, wide += width, filtered += p->n_times) {
        const real *rows = p->x + (trial * p->n_maps + block * LANES) * p->n_times;
        for (count t = 0; t < p->n_times; t++)
            wide[p->left + t] = gathered(rows + t, p->n_times, p->n_maps - block * LANES);
        correlate(p->n_times, filtered, 1, wide, 1, 1, p->kernels + block * p->length, 1, p->length);
    }
}

EXPORT int separable(const Pass *p, count first, count last)
{
    count width = p->n_times + p->length - 1;
    vec *wide = space_for(p->n_blocks * (width + p->n_times)), *filtered = wide + p->n_blocks * width;
    if (!wide) return 1;
    for (count trial = first; trial < last; trial++) {
        filter_maps(p, trial, wide, filtered);
        for (count block = 0; block < p->n_out_blocks; block++) {
            count row = trial * p->n_out_blocks + block;
            vec *y = p->y + row * p->n_times;
            memset(y, 0, p->n_times * sizeof *y);
            for (count m = 0; m < p->n_maps; m += LANES)
                mix(p->n_times, y, 1, (real *)(filtered + m / LANES * p->n_times), LANES, 1,
                    p->pointwise + block * p->n_maps + m, 1, least(LANES, p->n_maps - m));
            if (p->means) moments(y, p->n_times, p->means + row * LANES, p->squares + row * LANES);
        }
    }
    free(wide);
    return 0;
}

/* Gradients of separable with respect to x, and to the weights for some of n_parts. */
EXPORT int separable_backward(const Pass *p, count first, count last)
{
    count n_times = p->n_times, width = n_times + p->length - 1, right = p->length - 1 - p->left;
    vec *wide = space_for(p->n_blocks * (width + n_times) + p->n_out_blocks * n_times + width);
    if (!wide) return 1;
    vec *filtered = wide + p->n_blocks * width, *errors = filtered + p->n_blocks * n_times;
    vec *error = errors + p->n_out_blocks * n_times; /* before the maps are mixed, `right` zeros before it */
    for (count part = first; part < last; part++) {
        vec *grad_kernels = p->grad_kernels + part * p->n_blocks * p->length;
        vec *grad_pointwise = p->grad_pointwise + part * p->n_out_blocks * p->n_maps;
        memset(grad_kernels, 0, p->n_blocks * p->length * sizeof *grad_kernels);
        memset(grad_pointwise, 0, p->n_out_blocks * p->n_maps * sizeof *grad_pointwise);
        count trial = part * p->n_trials / p->n_parts, end = (part + 1) * p->n_trials / p->n_parts;
        for (; trial < end; trial++) {
            filter_maps(p, trial, wide, filtered);
            for (count block = 0; block < p->n_out_blocks; block++)
                pool_backward(p, trial, block, errors + block * n_times, 1);
            for (count m = 0; m < p->n_maps; m += LANES) {
                count n = least(LANES, p->n_maps - m), in = m / LANES;
                vec *maps = filtered + in * n_times;
                memset(error + right, 0, n_times * sizeof *error);
                for (count o = 0; o < p->n_out; o += LANES) {
                    const vec *from = errors + o / LANES * n_times;
                    mix(n, grad_pointwise + o / LANES * p->n_maps + m, 1, (real *)maps, 1, LANES,
                        from, 1, n_times);
                    mix(n_times, error + right, 1, (real *)from, LANES, 1,
                        p->transposed + in * p->n_out + o, 1, least(LANES, p->n_out - o));
                }
                correlate(p->length, grad_kernels + in * p->length, 1, wide + in * width, 1, 1,
                          error + right, 1, n_times);
                memset(maps, 0, n_times * sizeof *maps);
                correlate(n_times, maps, 1, error, 1, 1, p->reversed + in * p->length, 1, p->length);
                for (count t = 0; t < n_times; t++)
                    scatter(maps[t], p->grad_x + (trial * p->n_maps + m) * n_times + t, n_times, n);
            }
        }
    }
    free(wide);
    return 0;
}
