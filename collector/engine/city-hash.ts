/**
 * CityHash128 of CityHash 1.0.2, which ClickHouse puts before every compressed frame. Later releases of CityHash give other
 * values, and no package on npm has this one.
 *
 * 64-bit numbers live as two 32-bit halves in the registers below: BigInt does the same an order of magnitude slower.
 */
const R = new Int32Array(64);

type Register = number;
const [K0, K1, K2, K3] = [0, 1, 2, 3] as const;
const [A, B, C, D] = [4, 5, 6, 7] as const;
const [X, Y, Z, V0, V1, W0, W1] = [8, 9, 10, 11, 12, 13, 14] as const;
/** Scratch: S and T of a formula, U to P of `pair`, Q and P of `weak`. */
const [S, T, U, Q, P] = [16, 17, 18, 19, 20] as const;
const [FIRST, SECOND, LENGTH, MIX] = [24, 25, 26, 27] as const;

constant(K0, 0xc3a5c85c, 0x97cb3127);
constant(K1, 0xb492b66f, 0xbe98f273);
constant(K2, 0x9ae16a3b, 0x2f90404f);
constant(K3, 0xc949d7c7, 0x509e6557);
/** The multiplier of CityHash's Hash128to64. */
constant(MIX, 0x9ddfea08, 0xeb382d69);

/** The hash as the sixteen bytes that stand in a frame. */
export function cityHash128(bytes: Buffer): Buffer {
  const n = bytes.length;
  if (n >= 16) {
    load(A, bytes, 0);
    xor(A, A, K3);
    load(B, bytes, 8);
    seeded(bytes, 16, n - 16);
  } else if (n >= 8) {
    constant(LENGTH, 0, n);
    load(A, bytes, 0);
    multiply(T, LENGTH, K0);
    xor(A, A, T);
    load(B, bytes, n - 8);
    xor(B, B, K1);
    seeded(bytes, n, 0);
  } else {
    copy(A, K0);
    copy(B, K1);
    seeded(bytes, 0, n);
  }
  const hash = Buffer.allocUnsafe(16);
  store(hash, 0, FIRST);
  store(hash, 8, SECOND);
  return hash;
}

/** CityHash128WithSeed over `n` bytes from `at`, with the seed in A and B; the result is in FIRST and SECOND. */
function seeded(bytes: Buffer, at: number, n: number): void {
  if (n < 128) murmur(bytes, at, n);
  else city(bytes, at, n);
}

function murmur(bytes: Buffer, at: number, n: number): void {
  if (n <= 16) {
    multiply(T, A, K1);
    shiftMix(T);
    multiply(A, T, K1);
    upTo16(C, bytes, at, n);
    multiply(T, B, K1);
    add(C, C, T);
    if (n >= 8) load(T, bytes, at);
    else copy(T, C);
    add(D, A, T);
    shiftMix(D);
  } else {
    const end = at + n;
    load(T, bytes, end - 8);
    add(T, T, K1);
    pair(C, T, A);
    constant(LENGTH, 0, n);
    add(S, B, LENGTH);
    load(T, bytes, end - 16);
    add(T, T, C);
    pair(D, S, T);
    add(A, A, D);
    for (let left = n - 16; left > 0; left -= 16, at += 16) {
      absorb(A, bytes, at);
      xor(B, B, A);
      absorb(C, bytes, at + 8);
      xor(D, D, C);
    }
  }
  pair(S, A, C);
  pair(T, D, B);
  xor(FIRST, S, T);
  pair(SECOND, T, S);
}

function absorb(register: Register, bytes: Buffer, at: number): void {
  load(T, bytes, at);
  multiply(T, T, K1);
  shiftMix(T);
  multiply(T, T, K1);
  xor(register, register, T);
  multiply(register, register, K1);
}

/** HashLen0to16. */
function upTo16(to: Register, bytes: Buffer, at: number, n: number): void {
  if (n > 8) {
    constant(LENGTH, 0, n);
    load(S, bytes, at);
    load(D, bytes, at + n - 8);
    add(T, D, LENGTH);
    rotate(T, T, n);
    pair(to, S, T);
    xor(to, to, D);
  } else if (n >= 4) {
    const first = bytes.readUInt32LE(at);
    constant(S, first >>> 29, first << 3);
    constant(LENGTH, 0, n);
    add(S, S, LENGTH);
    constant(T, 0, bytes.readUInt32LE(at + n - 4));
    pair(to, S, T);
  } else if (n > 0) {
    constant(S, 0, (bytes[at] as number) + ((bytes[at + (n >> 1)] as number) << 8));
    constant(T, 0, n + ((bytes[at + n - 1] as number) << 2));
    multiply(S, S, K2);
    multiply(T, T, K3);
    xor(S, S, T);
    shiftMix(S);
    multiply(to, S, K2);
  } else {
    copy(to, K2);
  }
}

function city(bytes: Buffer, at: number, n: number): void {
  const end = at + n;
  copy(X, A);
  copy(Y, B);
  constant(LENGTH, 0, n);
  multiply(Z, LENGTH, K1);
  xor(T, Y, K1);
  rotate(T, T, 49);
  multiply(T, T, K1);
  load(S, bytes, at);
  add(V0, T, S);
  rotate(T, V0, 42);
  multiply(T, T, K1);
  load(S, bytes, at + 8);
  add(V1, T, S);
  add(T, Y, Z);
  rotate(T, T, 35);
  multiply(T, T, K1);
  add(W0, T, X);
  load(S, bytes, at + 88);
  add(T, X, S);
  rotate(T, T, 53);
  multiply(W1, T, K1);

  let left = n;
  for (; left >= 128; left -= 128, at += 128) {
    round(bytes, at);
    round(bytes, at + 64);
  }

  rotate(T, W0, 37);
  multiply(T, T, K0);
  add(T, T, Z);
  add(Y, Y, T);
  add(T, V0, Z);
  rotate(T, T, 49);
  multiply(T, T, K0);
  add(X, X, T);
  // What is left is hashed in chunks of 32 bytes from the end, the first of which may reach back into what was hashed before.
  for (let done = 0; done < left; ) {
    done += 32;
    subtract(T, Y, X);
    rotate(T, T, 42);
    multiply(T, T, K0);
    add(Y, T, V1);
    load(S, bytes, end - done + 16);
    add(W0, W0, S);
    rotate(T, X, 49);
    multiply(T, T, K0);
    add(X, T, W0);
    add(W0, W0, V0);
    weak(V0, V1, bytes, end - done, V0, V1);
  }
  pair(X, X, V0);
  pair(Y, Y, W0);
  add(S, X, V1);
  pair(FIRST, S, W1);
  add(FIRST, FIRST, Y);
  add(S, X, W1);
  add(T, Y, V1);
  pair(SECOND, S, T);
}

function round(bytes: Buffer, at: number): void {
  load(S, bytes, at + 16);
  add(T, X, Y);
  add(T, T, V0);
  add(T, T, S);
  rotate(T, T, 37);
  multiply(X, T, K1);
  load(S, bytes, at + 48);
  add(T, Y, V1);
  add(T, T, S);
  rotate(T, T, 42);
  multiply(Y, T, K1);
  xor(X, X, W1);
  xor(Y, Y, V0);
  xor(T, Z, W0);
  rotate(Z, T, 33);
  multiply(S, V1, K1);
  add(T, X, W0);
  weak(V0, V1, bytes, at, S, T);
  add(S, Z, W1);
  weak(W0, W1, bytes, at + 32, S, Y);
  copy(T, Z);
  copy(Z, X);
  copy(X, T);
}

/** WeakHashLen32WithSeeds of 32 bytes, with the seeds in `a` and `b`, into `to0` and `to1`. */
function weak(to0: Register, to1: Register, bytes: Buffer, at: number, a: Register, b: Register): void {
  load(U, bytes, at);
  add(Q, a, U);
  load(U, bytes, at + 24);
  add(P, b, Q);
  add(P, P, U);
  rotate(P, P, 21);
  // `a` has been read; from here on the results may lie in the seeds.
  copy(U, Q);
  load(C, bytes, at + 8);
  add(Q, Q, C);
  load(C, bytes, at + 16);
  add(Q, Q, C);
  load(C, bytes, at + 24);
  rotate(D, Q, 44);
  add(P, P, D);
  add(to0, Q, C);
  add(to1, P, U);
}

/** Hash128to64 of the pair `a`, `b`. */
function pair(to: Register, a: Register, b: Register): void {
  xor(U, a, b);
  multiply(U, U, MIX);
  shiftMix(U);
  xor(Q, b, U);
  multiply(Q, Q, MIX);
  shiftMix(Q);
  multiply(to, Q, MIX);
}

function constant(to: Register, high: number, low: number): void {
  R[to * 2] = low;
  R[to * 2 + 1] = high;
}

function copy(to: Register, a: Register): void {
  R[to * 2] = R[a * 2] as number;
  R[to * 2 + 1] = R[a * 2 + 1] as number;
}

function load(to: Register, bytes: Buffer, at: number): void {
  R[to * 2] = bytes.readInt32LE(at);
  R[to * 2 + 1] = bytes.readInt32LE(at + 4);
}

function store(bytes: Buffer, at: number, a: Register): void {
  bytes.writeInt32LE(R[a * 2] as number, at);
  bytes.writeInt32LE(R[a * 2 + 1] as number, at + 4);
}

function xor(to: Register, a: Register, b: Register): void {
  R[to * 2] = (R[a * 2] as number) ^ (R[b * 2] as number);
  R[to * 2 + 1] = (R[a * 2 + 1] as number) ^ (R[b * 2 + 1] as number);
}

function add(to: Register, a: Register, b: Register): void {
  const low = ((R[a * 2] as number) >>> 0) + ((R[b * 2] as number) >>> 0);
  R[to * 2 + 1] = (R[a * 2 + 1] as number) + (R[b * 2 + 1] as number) + (low > 0xffff_ffff ? 1 : 0);
  R[to * 2] = low;
}

function subtract(to: Register, a: Register, b: Register): void {
  const low = ((R[a * 2] as number) >>> 0) - ((R[b * 2] as number) >>> 0);
  R[to * 2 + 1] = (R[a * 2 + 1] as number) - (R[b * 2 + 1] as number) - (low < 0 ? 1 : 0);
  R[to * 2] = low;
}

/** The lower 64 bits of the product. */
function multiply(to: Register, a: Register, b: Register): void {
  const [aLow, bLow] = [R[a * 2] as number, R[b * 2] as number];
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const low = a0 * b0;
  const middle = a0 * b1 + a1 * b0 + (low / 0x1_0000 | 0);
  const cross = Math.imul(aLow, R[b * 2 + 1] as number) + Math.imul(R[a * 2 + 1] as number, bLow);
  R[to * 2 + 1] = a1 * b1 + Math.floor(middle / 0x1_0000) + cross;
  R[to * 2] = (middle << 16) | (low & 0xffff);
}

/** To the right; `by` lies between 1 and 63. */
function rotate(to: Register, a: Register, by: number): void {
  let [low, high] = [R[a * 2] as number, R[a * 2 + 1] as number];
  if (by >= 32) [low, high] = [high, low];
  const bits = by & 31;
  if (bits === 0) return constant(to, high, low);
  R[to * 2] = (low >>> bits) | (high << (32 - bits));
  R[to * 2 + 1] = (high >>> bits) | (low << (32 - bits));
}

/** x ^ (x >> 47). */
function shiftMix(a: Register): void {
  R[a * 2] = (R[a * 2] as number) ^ ((R[a * 2 + 1] as number) >>> 15);
}
