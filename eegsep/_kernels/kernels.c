/* The network's passes over trials, each worked on while it is in a core's cache.

   Maps lie beside each other: for each sample one vector of LANES maps, a "block" of them, so that
   transforms, normalisations and poolings are plain arithmetic on the processor's vectors, and no
   sum goes across a vector. Compiled for float and for double by hatch_build.py, called by
   library.py. Each function does a part of the work, from `first` up to `last`, as one thread
   among others, and returns 0, or 1 for want of memory. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef REAL real;
enum { LANES = BYTES / sizeof(real), SINGLE = sizeof(real) == sizeof(float) };
typedef real vec __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));
typedef typeof((vec){0} < (vec){0}) mask;
typedef struct { vec re, im; } cvec;
typedef ptrdiff_t count;

#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))

/* A normalisation, of as many maps as it has values. */
typedef struct {
    const real *gain, *bias;
    real *running_mean, *running_var;
    int64_t *n_batches;         /* whose moments the running ones have seen */
    double eps, momentum;       /* below zero: the running moments are means over batches */
    real *grad_gain, *grad_bias; /* none: forward */
} Norm;

/* What a pass takes, the same in library.py. Arrays are plain, in rows of samples, but for those of
   vectors: there n_blocks blocks of maps lie for each trial, as many as hold n_out maps. */
typedef struct {
    count n_trials, n_chans, n_times, n_maps, n_out;
    count n_kernels, n_seen;    /* kernels; of them, and of weights, for each map */
    count length, left;         /* of kernels, and how many samples they see before the first */
    count n_fft, n_passes;      /* of the transforms */
    count pool, n_pooled;       /* samples averaged, and averages */
    count together, n_parts;    /* see convolve; convolve_backward and correlate */
    count threshold;            /* dropout keeps values whose number is below */
    double kept_scale;          /* and multiplies them by this */
    Norm norm;                  /* of what is pooled */
    Norm folded_norm;           /* of what each kernel filters, folded into it; or none */
    const count *radices;       /* (n_passes) */
    const real *twiddles;       /* for each pass over `size` numbers (size / radix, radix - 1, 2) */
    const real *x;              /* (n_trials, n_chans, n_times) */
    const real *weight;         /* (n_maps, n_seen, n_chans): over electrodes; none: a channel is a map */
    const real *kernels;        /* (n_kernels, length) */
    const real *pointwise;      /* (n_out, n_maps); none: what is filtered comes out */
    const double *lag_sums, *lag_products; /* of x, (length) and (length, length), or none */
    real *folded;               /* (n_kernels, length): what x is filtered with */
    double *folding;            /* (n_kernels, 3 + length): what fold leaves to its gradients; or none */
    double *shift;              /* (n_maps): to be added to what is filtered; or none */
    vec *maps, *y;              /* (n_trials, blocks of n_maps, n_times), n_blocks: filtered, mixed */
    cvec *spectra;              /* (n_trials / 2, n_seen, n_blocks, n_fft), or none to keep */
    double *means, *squares;    /* (n_trials, n_blocks, LANES): moments of y, or none: running ones */
    real *pooled;               /* (n_trials, n_out, n_pooled) */
    const int16_t *drawn;       /* like pooled: numbers for dropout, or none */
    vec *slopes;                /* (n_trials, n_blocks, n_pooled, 2), or none to keep */
    const real *grad;           /* like pooled */
    real *kept_grad;            /* grad where dropout kept, or grad itself */
    vec *sums;                  /* (n_trials, n_blocks, 2): from pool_sums */
    vec *part_weight, *part_kernels, *part_pointwise; /* n_parts gradients of each, zero at first */
    real *grad_x, *grad_weight, *grad_kernels, *grad_pointwise;
    double *columns, *lags;     /* (n_parts, n_times), (n_parts, n_fft): from correlate */
} Pass;

EXPORT int lanes(void) { return LANES; }

INLINE count least(count a, count b) { return a < b ? a : b; }
INLINE count blocks_of(count n_maps) { return (n_maps + LANES - 1) / LANES; }

/* Vectors, zero at first. */
static void *space_for(count n)
{
    void *space = aligned_alloc(64, (n * sizeof(vec) + 63) / 64 * 64);
    if (space) memset(space, 0, n * sizeof(vec));
    return space;
}

/* Vectors of n values `stride` apart, LANES at most. */
INLINE vec gathered(const real *values, count stride, count n)
{
    vec out = {0};
    for (int i = 0; i < LANES; i++)
        if (i < n) out[i] = values[i * stride];
    return out;
}

INLINE double total(vec x)
{
    double sum = 0;
    for (int i = 0; i < LANES; i++) sum += x[i];
    return sum;
}

INLINE void scatter(vec from, real *values, count stride, count n)
{
    for (int i = 0; i < LANES; i++)
        if (i < n) values[i * stride] = from[i];
}

/* Rows of n values, LANES at most, to vectors `step` apart. */
static void lay_out(const real *rows, count n_rows, count n, vec *out, count step)
{
    for (count i = 0; i < n; i++) out[i * step] = gathered(rows + i, n, n_rows);
}

/* -- sums of products ------------------------------------------------------------------------- */

/* out[i] += sum over k < n_k of a[i * a_i + k * a_k] * b[k * b_k], for each i < n, the rows of out
   being `by` vectors apart. A tile of sums stays in registers. */
INLINE void mix_tile(const int n, vec *out, count by, const real *a, count a_i, count a_k, const vec *b,
                     count b_k, count n_k)
{
    vec sums[8];
    for (int i = 0; i < n; i++) sums[i] = out[i * by];
    for (count k = 0; k < n_k; k++)
        for (int i = 0; i < n; i++) sums[i] += a[i * a_i + k * a_k] * b[k * b_k];
    for (int i = 0; i < n; i++) out[i * by] = sums[i];
}

static void mix(count n, vec *out, count by, const real *a, count a_i, count a_k, const vec *b, count b_k,
                count n_k)
{
    for (; n >= 8; n -= 8, out += 8 * by, a += 8 * a_i) mix_tile(8, out, by, a, a_i, a_k, b, b_k, n_k);
    if (n & 4) mix_tile(4, out, by, a, a_i, a_k, b, b_k, n_k), out += 4 * by, a += 4 * a_i;
    if (n & 2) mix_tile(2, out, by, a, a_i, a_k, b, b_k, n_k), out += 2 * by, a += 2 * a_i;
    if (n & 1) mix_tile(1, out, by, a, a_i, a_k, b, b_k, n_k);
}

/* -- normalisation, ELU, pooling --------------------------------------------------------------- */

INLINE vec chosen(mask where, vec a, vec b) { return (vec)((where & (mask)a) | (~where & (mask)b)); }
INLINE vec below_zero(vec x) { return chosen(x > (vec){0}, (vec){0}, x); }

/* exp(x) for x <= 0. Not further down than where a product with what comes out stays a normal
   number: others cost a hundred times as much. NaN stays NaN. */
INLINE vec exponential(vec x)
{
    static const real taylor[] = {
        1, 1, 1 / 2., 1 / 6., 1 / 24., 1 / 120., 1 / 720., 1 / 5040., 1 / 40320., 1 / 362880.,
        1 / 3628800., 1 / 39916800., 1 / 479001600., 1 / 6227020800.,
    };
    const vec lowest = (vec){0} - 50;
    const real ln_2 = SINGLE ? 0.693359375 : 6.93145751953125e-1;
    const real rest_of_ln_2 = SINGLE ? -2.12194440e-4 : 1.42860682030941723212e-6;
    /* leaves the nearest whole number, and the exponent's bias, in the last bits of a sum */
    const real rounding = SINGLE ? 0x1.8p23 + 127 : 0x1.8p52 + 1023;
    x = chosen(x < lowest, lowest, x);
    vec shifted = x * (real)1.44269504088896340736 + rounding, whole = shifted - rounding;
    vec rest = x - whole * ln_2 - whole * rest_of_ln_2, sum = {0};
#pragma GCC unroll 14
    for (int i = SINGLE ? 7 : 13; i >= 0; i--) sum = sum * rest + taylor[i];
    return sum * (vec)((mask)shifted << (SINGLE ? 23 : 52));
}

/* Move a map's running moments towards those of a batch, as torch does. */
static void track(const Norm *norm, count map, double mean, double variance, double n_values)
{
    double share = norm->momentum < 0 ? 1. / *norm->n_batches : norm->momentum;
    double unbiased = n_values > 1 ? variance * n_values / (n_values - 1) : variance;
    norm->running_mean[map] += share * (mean - norm->running_mean[map]);
    norm->running_var[map] += share * (unbiased - norm->running_var[map]);
}

/* What normalises a block, and what passes to every value through the batch's mean and variance. */
typedef struct { vec mean, scale, offset, of_mean, of_variance; } Normal;

/* Of the batch, whose trials' moments are known, or by the running moments. Of the parts that ask, one
   is to keep what is found: forward the running moments, backward the gradients. */
static Normal normal_of(const Pass *p, count block, int keep)
{
    Normal out = {{0}, {0}, {0}, {0}, {0}};
    const Norm *norm = &p->norm;
    count n = p->n_trials, step = blocks_of(p->n_out) * LANES, map = block * LANES;
    double n_values = (double)n * p->n_times;
    for (int lane = 0; lane < LANES && map < p->n_out; lane++, map++) {
        double mean = 0, variance = 0, shift = p->shift ? p->shift[map] : 0;
        for (count trial = 0; p->means && trial < n; trial++) mean += p->means[trial * step + map] / n;
        for (count trial = 0; p->means && trial < n; trial++) {
            double between = p->means[trial * step + map] - mean;
            variance += p->squares[trial * step + map] / n_values + between * between / n;
        }
        if (!p->means) mean = norm->running_mean[map] - shift, variance = norm->running_var[map];
        double inverse = 1 / sqrt(variance + norm->eps), scale = norm->gain[map] * inverse;
        out.mean[lane] = mean, out.scale[lane] = scale, out.offset[lane] = norm->bias[map] - scale * mean;
        if (!norm->grad_gain) {
            if (p->means && keep) track(norm, map, mean + shift, variance, n_values);
            continue;
        }
        double of_bias = 0, of_gain = 0;
        for (count trial = 0; trial < n; trial++) {
            const real *sums = (real *)(p->sums + 2 * trial * (step / LANES)) + 2 * block * LANES + lane;
            of_bias += sums[0], of_gain += sums[LANES] * inverse;
        }
        out.of_mean[lane] = of_bias / n_values, out.of_variance[lane] = of_gain * inverse / n_values;
        if (keep) norm->grad_bias[map] = of_bias, norm->grad_gain[map] = of_gain;
    }
    return out;
}

/* Dropout of some values, from one on. */
static void drop(const Pass *p, const real *from, real *to, count first, count n)
{
    real scale = p->kept_scale;
    int threshold = p->threshold; /* which may be one more than the largest number */
    for (count i = first; i < first + n; i++) to[i] = from[i] * (p->drawn[i] < threshold ? scale : 0);
}

/* Normalise y, ELU, average, drop: into pooled, and of each average into slopes its derivative and its
   product with the centred y, which is all that the normalisation's gradients need of y. */
EXPORT int pool(const Pass *p, count first, count last)
{
    count n_blocks = blocks_of(p->n_out);
    real share = (real)1 / p->pool;
    for (count block = 0; block < n_blocks; block++) {
        Normal normal = normal_of(p, block, first == 0);
        for (count trial = first; trial < last; trial++) {
            count row = trial * n_blocks + block, map = block * LANES;
            const vec *y = p->y + row * p->n_times;
            real *pooled = p->pooled + (trial * p->n_out + map) * p->n_pooled;
            vec *slopes = p->slopes ? p->slopes + 2 * row * p->n_pooled : NULL;
            for (count i = 0; i < p->n_pooled; i++) {
                vec total = {0}, slope = {0}, product = {0};
                for (count t = 0; t < p->pool; t++, y++) {
                    vec u = normal.scale * *y + normal.offset, below = below_zero(u);
                    vec power = exponential(below);
                    total += (u - below) + (power - 1);
                    slope += power, product += power * (*y - normal.mean);
                }
                scatter(total * share, pooled + i, p->n_pooled, p->n_out - map);
                if (slopes) slopes[2 * i] = slope * share, slopes[2 * i + 1] = product * share;
            }
            count at = (trial * p->n_out + map) * p->n_pooled;
            if (p->drawn) drop(p, p->pooled, p->pooled, at, least(LANES, p->n_out - map) * p->n_pooled);
        }
    }
    return 0;
}

/* Sums over each row of what passes to the normalisation's bias and, not yet scaled, gain. */
EXPORT int pool_sums(const Pass *p, count first, count last)
{
    count n_blocks = blocks_of(p->n_out), n = p->n_out * p->n_pooled;
    if (p->drawn) drop(p, p->grad, p->kept_grad, first * n, (last - first) * n);
    for (count row = first * n_blocks; row < last * n_blocks; row++) {
        count map = row % n_blocks * LANES;
        const real *grad = p->kept_grad + (row / n_blocks * p->n_out + map) * p->n_pooled;
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

/* Gradient with respect to a row of y. */
static void pool_backward(const Pass *p, const Normal *normal, count row, vec *out)
{
    count n_blocks = blocks_of(p->n_out), block = row % n_blocks, map = block * LANES;
    const vec *y = p->y + row * p->n_times;
    const real *grad = p->kept_grad + (row / n_blocks * p->n_out + map) * p->n_pooled;
    Normal of = normal[block];
    for (count i = 0, t = 0; t < p->n_times; i++) {
        vec g = {0};
        if (i < p->n_pooled) g = gathered(grad + i, p->n_pooled, p->n_out - map) / (real)p->pool;
        for (count end = least(p->n_times, t + p->pool); t < end; t++) {
            vec power = exponential(below_zero(of.scale * y[t] + of.offset));
            out[t] = of.scale * (g * power - of.of_mean - of.of_variance * (y[t] - of.mean));
        }
    }
}

/* Mean and centred sum of squares of each lane. Centred before squaring, so that nothing cancels;
   what rounding of the centre leaves is put right by its own sum. */
static void moments(const vec *y, count n, double *means, double *squares)
{
    enum { MANY = 4 }; /* sums at once: a processor begins additions faster than it ends one */
    vec centre = {0}, rest, square;
    for (int centred = 0; centred < 2; centred++) {
        vec sums[MANY] = {0}, products[MANY] = {0};
        for (count t = 0; t < n; t += MANY)
            for (int i = 0; i < MANY && t + i < n; i++) {
                vec deviation = y[t + i] - centre;
                sums[i] += deviation, products[i] += deviation * deviation;
            }
        rest = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        square = (products[0] + products[1]) + (products[2] + products[3]);
        if (!centred) centre = rest / (real)n;
    }
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
INLINE cvec multiplied(cvec x, cvec y) { return (cvec){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re}; }
/* x times the conjugate of y; x + i y, or for a negative sign x - i y */
INLINE cvec correlated(cvec x, cvec y) { return (cvec){x.re * y.re + x.im * y.im, x.im * y.re - x.re * y.im}; }
INLINE cvec plus_turned(cvec x, cvec y, const int sign)
{
    return sign > 0 ? (cvec){x.re - y.im, x.im + y.re} : (cvec){x.re + y.im, x.im - y.re};
}

/* Transform 2, 3 or 4 numbers, in place; the sign is that of the exponent. */
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
    } else {
        cvec even = plus(x[0], x[2]), odd = plus(x[1], x[3]);
        cvec middle = minus(x[0], x[2]), turned = minus(x[1], x[3]);
        x[0] = plus(even, odd), x[2] = minus(even, odd);
        x[1] = plus_turned(middle, turned, sign), x[3] = plus_turned(middle, turned, -sign);
    }
}

INLINE void butterflies(cvec *z, count n, count size, const real *twiddles, const int radix, const int sign)
{
    count step = size / radix;
    for (cvec *end = z + n; z < end; z += size)
        for (count j = 0; j < step; j++) {
            cvec x[4], w[4];
            for (int q = 0; q < radix; q++) {
                const real *factor = twiddles + 2 * (j * (radix - 1) + q - 1);
                if (q > 0) w[q] = (cvec){(vec){0} + factor[0], (vec){0} + factor[1]};
                x[q] = sign > 0 && q > 0 ? correlated(z[j + q * step], w[q]) : z[j + q * step];
            }
            transform_few(x, radix, sign);
            for (int q = 0; q < radix; q++)
                z[j + q * step] = sign < 0 && q > 0 ? multiplied(x[q], w[q]) : x[q];
        }
}

/* One pass over blocks of `size` numbers of n, or with a sign of 1 what undoes it but for a factor. */
static void pass(count radix, cvec *z, count n, count size, const real *twiddles, int sign)
{
#define CASE(r)                                                  \
    case r: butterflies(z, n, size, twiddles, r, 1); break;      \
    case -r: butterflies(z, n, size, twiddles, r, -1); break;
    switch (sign * radix) { CASE(2) CASE(3) CASE(4) }
}

/* What happens to a spectrum, its frequencies in an order of their own, between a transform and its
   inverse, or after or before `only` one of them. */
typedef struct {
    int only; /* -1: the transform, 1: the inverse */
    const cvec *transfer;
    cvec *kept, *cross; /* the spectrum; sums of its products with the conjugate of another */
    cvec *sum;          /* of what was filtered, or none: goes on in place of the last */
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
        for (count i = at; s->sum && i < at + n; i++) z[i] = s->sum[i] = plus(s->sum[i], z[i]);
    }
}

/* Take n numbers through the passes from `level` on, and back, block by block once they fit the
   first cache. */
static void through(const Pass *p, const Spectrum *s, cvec *z, count at, count n, count level,
                    const real *twiddles)
{
    enum { FEW = 24576 / sizeof(cvec) };
    count last = level, size = n, radix;
    if (n > FEW) {
        radix = p->radices[level], size /= radix;
        if (s->only <= 0) pass(radix, z + at, n, n, twiddles, -1);
        for (count q = 0; q < radix; q++)
            through(p, s, z, at + q * size, size, level + 1, twiddles + 2 * (radix - 1) * size);
        if (s->only >= 0) pass(radix, z + at, n, n, twiddles, 1);
        return;
    }
    for (; last < p->n_passes; last++, size /= radix, twiddles += 2 * (radix - 1) * size) {
        radix = p->radices[last];
        if (s->only <= 0) pass(radix, z + at, n, size, twiddles, -1);
    }
    multiply(s, z, at, n);
    while (last-- > level) {
        radix = p->radices[last], twiddles -= 2 * (radix - 1) * size, size *= radix;
        if (s->only >= 0) pass(radix, z + at, n, size, twiddles, 1);
    }
}

static void transform(const Pass *p, Spectrum s, cvec *z)
{
    through(p, &s, z, 0, p->n_fft, 0, p->twiddles);
}

/* -- a block's convolutions ---------------------------------------------------------------------- */

/* Which kernel a map sees, of the n_seen that it does. */
INLINE count kernel_of(const Pass *p, count map, count seen)
{
    return map * p->n_kernels / (p->n_maps * p->n_seen) * p->n_seen + seen;
}

/* Fold a normalisation, by the moments of what kernels filter, into them and into a shift. */
EXPORT int fold(const Pass *p, count first, count last)
{
    const Norm *norm = &p->folded_norm;
    count length = p->length, n_chans = p->n_chans;
    double n_values = (double)p->n_trials * n_chans * p->n_times;
    memset(p->shift, 0, p->n_maps * sizeof *p->shift);
    for (count kernel = first; kernel < last; kernel++) {
        const real *taps = p->kernels + kernel * length;
        double *kept = p->folding + kernel * (3 + length), *products = kept + 3, mean = 0, power = 0;
        memset(products, 0, length * sizeof *products);
        for (count j = 0; p->lag_products && j < length; j++)
            for (count i = 0; i < length; i++) products[i] += p->lag_products[j * length + i] * taps[j];
        for (count i = 0; p->lag_products && i < length; i++)
            mean += p->lag_sums[i] * taps[i] / n_values, power += products[i] * taps[i] / n_values;
        double variance = power - mean * mean;
        if (p->lag_products) track(norm, kernel, mean, variance, n_values);
        else mean = norm->running_mean[kernel], variance = norm->running_var[kernel];
        double inverse = 1 / sqrt(variance + norm->eps), scale = norm->gain[kernel] * inverse;
        kept[0] = mean, kept[1] = inverse, kept[2] = scale;
        for (count i = 0; i < length; i++) p->folded[kernel * length + i] = taps[i] * (real)scale;
        for (count map = 0, seen = kernel % p->n_seen; map < p->n_maps; map++) {
            const real *weight = p->weight + (map * p->n_seen + seen) * n_chans;
            double sum = 0;
            for (count chan = 0; kernel_of(p, map, seen) == kernel && chan < n_chans; chan++) sum += weight[chan];
            p->shift[map] += (norm->bias[kernel] - scale * mean) * sum;
        }
    }
    return 0;
}

/* What convolutions take of filters: spectra of the kernels, (n_seen, n_blocks, n_fft), and in
   vectors weight, (n_seen, n_blocks, n_chans), and pointwise, (blocks of n_out, n_maps), and transposed,
   (n_blocks, n_out). Behind them is room for more vectors. */
typedef struct { cvec *transfers; vec *weight, *pointwise, *transposed, *room; } Filters;

static Filters filters_of(const Pass *p, count more)
{
    count n = p->n_fft, n_blocks = blocks_of(p->n_maps), n_out_blocks = blocks_of(p->n_out);
    count n_filters = p->n_seen * n_blocks, n_chans = p->weight ? p->n_chans : 0;
    Filters out = {.transfers = space_for(2 * n_filters * n + n_filters * n_chans +
                                          n_out_blocks * p->n_maps + n_blocks * p->n_out + more)};
    if (!out.transfers) return out;
    out.weight = (vec *)(out.transfers + n_filters * n), out.pointwise = out.weight + n_filters * n_chans;
    out.transposed = out.pointwise + n_out_blocks * p->n_maps;
    out.room = out.transposed + n_blocks * p->n_out;
    for (count filter = 0; filter < n_filters; filter++) {
        count seen = filter / n_blocks, map = filter % n_blocks * LANES, rest = p->n_maps - map;
        cvec *circle = out.transfers + filter * n; /* with tap j at sample j - left */
        for (int lane = 0; lane < LANES && lane < rest; lane++) {
            const real *taps = p->folded + kernel_of(p, map + lane, seen) * p->length;
            for (count j = 0; j < p->length; j++)
                circle[(j - p->left + n) % n].re[lane] = taps[j] / (real)n;
        }
        transform(p, (Spectrum){.only = -1}, circle);
        const real *weight = p->weight + (map * p->n_seen + seen) * n_chans;
        for (count chan = 0; chan < n_chans; chan++)
            out.weight[filter * n_chans + chan] = gathered(weight + chan, p->n_seen * n_chans, rest);
    }
    for (count block = 0; p->pointwise && block < n_out_blocks; block++)
        lay_out(p->pointwise + block * LANES * p->n_maps, p->n_out - block * LANES, p->n_maps,
                out.pointwise + block * p->n_maps, 1);
    for (count i = 0; p->pointwise && i < n_blocks * p->n_out; i++) {
        count map = i / p->n_out * LANES;
        out.transposed[i] = gathered(p->pointwise + i % p->n_out * p->n_maps + map, 1, p->n_maps - map);
    }
    return out;
}

/* Sums over the channels of one trial, of n_parts of them: at each sample, and of their circular
   autocorrelations. Channels are the real and the imaginary parts of 2 * LANES / 2 signals, whose
   autocorrelations have the sum of both as real parts. */
EXPORT int correlate(const Pass *p, count first, count last)
{
    count n = p->n_fft, n_times = p->n_times, n_groups = (p->n_chans + 2 * LANES - 1) / (2 * LANES);
    cvec *z = space_for(4 * n + n_times), *power = z + n;
    vec *columns = (vec *)(power + n);
    if (!z) return 1;
    for (count part = first; part < last; part++) {
        memset(power, 0, n * sizeof *power);
        memset(columns, 0, n_times * sizeof *columns);
        count group = part * n_groups / p->n_parts, behind = (part + 1) * n_groups / p->n_parts;
        for (; group < behind; group++) {
            count channel = 2 * LANES * group, rest = p->n_chans - channel;
            const real *x = p->x + channel * n_times;
            memset(z, 0, n * sizeof *z);
            lay_out(x, rest, n_times, &z->re, 2);
            lay_out(x + LANES * n_times, rest - LANES, n_times, &z->im, 2);
            for (count t = 0; t < n_times; t++) columns[t] += z[t].re + z[t].im;
            transform(p, (Spectrum){.only = -1, .kept = z, .cross = power, .transfer = z}, z);
        }
        transform(p, (Spectrum){.only = 1}, power);
        for (count t = 0; t < n_times; t++) p->columns[part * n_times + t] = total(columns[t]);
        for (count i = 0; i < n; i++) p->lags[part * n + i] = total(power[i].re) / n;
    }
    free(z);
    return 0;
}

/* Filter x to y, and take its moments. Of trials `together`, 1 or 2, the first is the real and the
   second the imaginary part of one signal: they share its rounding errors. */
EXPORT int convolve(const Pass *p, count first, count last)
{
    count n_blocks = blocks_of(p->n_maps), n_out_blocks = blocks_of(p->n_out), n_times = p->n_times;
    Filters filters = filters_of(p, 4 * p->n_fft);
    cvec *z = (cvec *)filters.room, *sum = p->n_seen > 1 ? z + p->n_fft : NULL;
    if (!filters.transfers) return 1;
    for (count group = first; group < last; group++) {
        count begin = group * p->together, end = least(p->n_trials, begin + p->together);
        for (count block = 0; block < n_blocks; block++) {
            if (sum) memset(sum, 0, p->n_fft * sizeof *sum);
            for (count seen = 0; seen < p->n_seen; seen++) {
                count filter = seen * n_blocks + block;
                count kept = (group * p->n_seen * n_blocks + filter) * p->n_fft;
                memset(z, 0, p->n_fft * sizeof *z);
                for (count trial = begin; trial < end; trial++) {
                    const real *x = p->x + trial * p->n_chans * n_times;
                    vec *part = trial == begin ? &z->re : &z->im;
                    if (p->weight)
                        mix(n_times, part, 2, x, 1, n_times, filters.weight + filter * p->n_chans, 1, p->n_chans);
                    else
                        lay_out(x + block * LANES * n_times, p->n_maps - block * LANES, n_times, part, 2);
                }
                transform(p, (Spectrum){.only = seen + 1 < p->n_seen ? -1 : 0, .sum = sum,
                                        .transfer = filters.transfers + filter * p->n_fft,
                                        .kept = p->spectra ? p->spectra + kept : NULL}, z);
            }
            for (count trial = begin; trial < end; trial++) {
                vec *maps = p->maps + (trial * n_blocks + block) * n_times;
                const vec *part = trial == begin ? &z->re : &z->im;
                for (count t = 0; t < n_times; t++) maps[t] = part[2 * t];
            }
        }
        for (count row = begin * n_out_blocks; row < end * n_out_blocks; row++) {
            vec *y = p->y + row * n_times, *maps = p->maps + row / n_out_blocks * n_blocks * n_times;
            if (p->pointwise) memset(y, 0, n_times * sizeof *y);
            for (count map = 0; p->pointwise && map < p->n_maps; map += LANES, maps += n_times)
                mix(n_times, y, 1, (real *)maps, LANES, 1,
                    filters.pointwise + row % n_out_blocks * p->n_maps + map, 1, least(LANES, p->n_maps - map));
            if (p->means) moments(y, n_times, p->means + row * LANES, p->squares + row * LANES);
        }
    }
    free(filters.transfers);
    return 0;
}

/* Gradients with respect to x, where there is no weight, and to all filters, for some of n_parts of
   the batch. */
EXPORT int convolve_backward(const Pass *p, count first, count last)
{
    count n_blocks = blocks_of(p->n_maps), n_out_blocks = blocks_of(p->n_out), n_times = p->n_times;
    count n = p->n_fft, n_pairs = (p->n_trials + 1) / 2, n_chans = p->n_chans, n_maps = p->n_maps;
    count n_filters = p->n_seen * n_blocks;
    count n_normals = n_out_blocks * sizeof(Normal) / sizeof(vec);
    Filters filters = filters_of(p, 4 * n + 2 * n_filters * n + n_out_blocks * 2 * n_times + n_normals);
    if (!filters.transfers) return 1;
    cvec *error_spectrum = (cvec *)filters.room, *z = error_spectrum + n, *cross = z + n;
    vec *errors = (vec *)(cross + n_filters * n);
    Normal *normal = (Normal *)(errors + n_out_blocks * 2 * n_times);
    for (count block = 0; block < n_out_blocks; block++) normal[block] = normal_of(p, block, first == 0);
    for (count part = first; part < last; part++) {
        memset(cross, 0, n_filters * n * sizeof *cross);
        vec *of_pointwise = p->part_pointwise + part * n_out_blocks * n_maps;
        count pair = part * n_pairs / p->n_parts, behind = (part + 1) * n_pairs / p->n_parts;
        for (; pair < behind; pair++) {
            count begin = 2 * pair, end = least(p->n_trials, begin + 2);
            for (count row = begin * n_out_blocks; row < end * n_out_blocks; row++)
                pool_backward(p, normal, row, errors + (row - begin * n_out_blocks) * n_times);
            for (count block = 0; block < n_blocks; block++) {
                count map = block * LANES, n_here = least(LANES, n_maps - map);
                memset(z, 0, n * sizeof *z);
                for (count trial = begin; trial < end; trial++) {
                    vec *part_of_z = trial == begin ? &z->re : &z->im;
                    const real *maps = (real *)(p->maps + (trial * n_blocks + block) * n_times);
                    const vec *error = errors + (trial - begin) * n_out_blocks * n_times;
                    if (!p->pointwise)
                        for (count t = 0; t < n_times; t++) part_of_z[2 * t] = error[block * n_times + t];
                    for (count out = 0; p->pointwise && out < p->n_out; out += LANES, error += n_times) {
                        mix(n_here, of_pointwise + out / LANES * n_maps + map, 1, maps, 1, LANES, error, 1,
                            n_times);
                        mix(n_times, part_of_z, 2, (real *)error, LANES, 1,
                            filters.transposed + block * p->n_out + out, 1, least(LANES, p->n_out - out));
                    }
                }
                if (p->n_seen > 1) {
                    transform(p, (Spectrum){.only = -1}, z);
                    memcpy(error_spectrum, z, n * sizeof *z);
                }
                for (count seen = 0; seen < p->n_seen; seen++) {
                    count filter = seen * n_blocks + block;
                    if (seen > 0) memcpy(z, error_spectrum, n * sizeof *z);
                    transform(p, (Spectrum){.only = p->n_seen > 1, .transfer = filters.transfers + filter * n,
                                            .kept = p->spectra + (pair * n_filters + filter) * n,
                                            .cross = cross + filter * n}, z);
                    for (count trial = begin; trial < end; trial++) {
                        const vec *part_of_z = trial == begin ? &z->re : &z->im;
                        count row = trial * n_chans;
                        if (p->weight)
                            mix(n_chans, p->part_weight + (part * n_filters + filter) * n_chans, 1,
                                p->x + row * n_times, n_times, 1, part_of_z, 2, n_times);
                        else
                            for (count t = 0; t < n_times; t++)
                                scatter(part_of_z[2 * t], p->grad_x + (row + map) * n_times + t, n_times, n_here);
                    }
                }
            }
        }
        for (count filter = 0; filter < n_filters; filter++) {
            cvec *circle = cross + filter * n;
            transform(p, (Spectrum){.only = 1}, circle);
            vec *kernels = p->part_kernels + (part * n_filters + filter) * p->length;
            for (count j = 0; j < p->length; j++) kernels[j] = circle[(j - p->left + n) % n].re / (real)n;
        }
    }
    free(filters.transfers);
    return 0;
}

/* Sum over parts a gradient's lane. */
INLINE double of_parts(const Pass *p, const vec *parts, count n_vectors, count i, count lane)
{
    double sum = 0;
    for (count part = 0; part < p->n_parts; part++) sum += ((real *)(parts + part * n_vectors + i))[lane];
    return sum;
}

/* Gradients of all filters, of those of the parts, and through what was folded into kernels. */
EXPORT int gather(const Pass *p, count first, count last)
{
    count n_blocks = blocks_of(p->n_maps), n_out_blocks = blocks_of(p->n_out), n_chans = p->n_chans;
    count n_filters = p->n_seen * n_blocks, length = p->length;
    double n_values = (double)p->n_trials * n_chans * p->n_times;
    for (count kernel = first; kernel < last; kernel++) {
        const real *taps = p->kernels + kernel * length;
        real *grad = p->grad_kernels + kernel * length;
        double of_scale = 0;
        memset(grad, 0, length * sizeof *grad);
        for (count map = 0, seen = kernel % p->n_seen; map < p->n_maps; map++)
            for (count i = 0; kernel_of(p, map, seen) == kernel && i < length; i++)
                grad[i] += of_parts(p, p->part_kernels, n_filters * length,
                                    (seen * n_blocks + map / LANES) * length + i, map % LANES);
        if (!p->folding) continue;
        for (count i = 0; i < length; i++) of_scale += grad[i] * taps[i];
        const double *kept = p->folding + kernel * (3 + length), *products = kept + 3;
        double mean = kept[0], inverse = kept[1], scale = kept[2];
        double of_variance = -of_scale * scale * inverse * inverse / n_values;
        for (count i = 0; i < length; i++)
            grad[i] = grad[i] * scale + of_variance * (products[i] - mean * p->lag_sums[i]);
        p->folded_norm.grad_gain[kernel] = of_scale * inverse;
    }
    for (count i = 0; p->weight && i < p->n_maps * p->n_seen * n_chans; i++) {
        count map = i / n_chans / p->n_seen, seen = i / n_chans % p->n_seen;
        p->grad_weight[i] = of_parts(p, p->part_weight, n_filters * n_chans,
                                     (seen * n_blocks + map / LANES) * n_chans + i % n_chans, map % LANES);
    }
    for (count i = 0; p->pointwise && i < p->n_out * p->n_maps; i++) {
        count out = i / p->n_maps;
        p->grad_pointwise[i] = of_parts(p, p->part_pointwise, n_out_blocks * p->n_maps,
                                        out / LANES * p->n_maps + i % p->n_maps, out % LANES);
    }
    return 0;
}
