// What must not change a bit of a scan: threads, the instruction set, the other rows, how sequences lie, which direction
// they are stored in, where they are cut, and what else the caller asks for.
#include "problem.hpp"

namespace {

std::string best() { return ostinato::available().front(); }

template <class T>
void check_same(const Answer<T>& found, const Answer<T>& wanted, const Shape& shape, const char* what, int detail = 0) {
    for (int i = 0; i < result_count; ++i)
        CHECK(same_bits(found.results[i], wanted.results[i]), "%s: %s %d: result %d", shape.name().c_str(), what, detail, i);
    for (int i = 0; i < given_count; ++i)
        CHECK(same_bits(found.grads[i], wanted.grads[i]), "%s: %s %d: gradient of %s", shape.name().c_str(), what, detail,
              given_names[i]);
}

template <class T>
void threads_and_instructions(const Shape& shape, bool scalar) {
    const Problem<T> p(shape);
    const Answer<T> a = answer(cell_of<T>(best(), shape.cell), p);
    for (int threads : {2, 3}) check_same(answer(cell_of<T>(best(), shape.cell), p, {threads}), a, shape, "threads", threads);
    for (const std::string& isa : ostinato::available())
        if (isa != "scalar" || scalar)
            check_same(answer(cell_of<T>(isa, shape.cell), p, {2}), a, shape, isa.c_str());
}

template <class T>
std::vector<T> part(const std::vector<T>& values, integer first, integer count) {
    return {values.begin() + first, values.begin() + first + count};
}

void rows_alone(const Shape& shape) {
    const Problem<float> p(shape);
    const auto& cell = cell_of<float>(best(), shape.cell);
    const Answer<float> a = answer(cell, p);
    for (integer b = 0; b < shape.batch; ++b) {
        Shape one = shape;
        one.batch = 1;
        Problem<float> alone(one);
        const auto take = [&](const std::vector<float>& from) {
            const integer each = integer(from.size()) / shape.batch;
            return part(from, b * each, each);
        };
        alone.lengths = {p.lengths[b]};
        for (int i = 0; i < given_count; ++i) alone.given[i] = i == of_x || i >= of_initial ? take(p.given[i]) : p.given[i];
        for (int i = 0; i < result_count; ++i) alone.incoming[i] = take(p.incoming[i]);
        const Answer<float> found = answer(cell, alone);
        for (int i = 0; i < result_count; ++i)
            CHECK(same_bits(found.results[i], take(a.results[i])), "%s: row %d alone: result %d", shape.name().c_str(), int(b), i);
        for (int i : {int(of_x), int(of_initial), of_initial + 1})
            CHECK(same_bits(found.grads[i], take(a.grads[i])), "%s: row %d alone: gradient of %s", shape.name().c_str(), int(b),
                  given_names[i]);
    }
}

// Steps [from, to) of sequences [batch][steps][features].
std::vector<float> cut(const std::vector<float>& all, const Shape& shape, integer from, integer to) {
    const integer features = integer(all.size()) / std::max<integer>(1, shape.batch * shape.steps);
    std::vector<float> result;
    for (integer b = 0; b < shape.batch; ++b) {
        const auto row = all.begin() + b * shape.steps * features;
        result.insert(result.end(), row + from * features, row + to * features);
    }
    return result;
}

// Forward piece by piece, each from where the last one ended, and backward the other way round.
void pieces(const Shape& shape, integer length) {
    const Problem<float> p(shape);
    const auto& cell = cell_of<float>(best(), shape.cell);
    const Answer<float> a = answer(cell, p);
    std::vector<Problem<float>> all;
    for (integer from = 0; from < shape.steps; from += length) {
        const integer to = std::min(shape.steps, from + length);
        Shape sizes = shape;
        sizes.steps = to - from;
        Problem<float> piece(sizes);
        piece.given = p.given, piece.given[of_x] = cut(p.given[of_x], shape, from, to);
        piece.incoming = p.incoming, piece.incoming[0] = cut(p.incoming[0], shape, from, to);
        for (integer b = 0; b < shape.batch; ++b) piece.lengths[b] = std::clamp<integer>(p.lengths[b] - from, 0, to - from);
        if (!all.empty()) {
            const auto found = answer(cell, all.back(), {1, false}).results;
            for (integer leaf = 0; leaf < shape.states(); ++leaf) piece.given[of_initial + leaf] = found[1 + leaf];
        }
        all.push_back(piece);
    }
    std::vector<float> grads[ostinato::most_states];
    for (integer i = integer(all.size()) - 1; i >= 0; --i) {
        const integer from = i * length, to = std::min(shape.steps, from + length);
        for (integer leaf = 0; leaf < shape.states() && i + 1 < integer(all.size()); ++leaf) all[i].incoming[1 + leaf] = grads[leaf];
        const Answer<float> found = answer(cell, all[i]);
        CHECK(same_bits(found.results[0], cut(a.results[0], shape, from, to)), "%s: pieces of %d: outputs", shape.name().c_str(), int(length));
        CHECK(same_bits(found.grads[of_x], cut(a.grads[of_x], shape, from, to)), "%s: pieces of %d: gradient of x",
              shape.name().c_str(), int(length));
        for (integer leaf = 0; leaf < shape.states(); ++leaf) {
            grads[leaf] = found.grads[of_initial + leaf];
            if (i + 1 == integer(all.size()))
                CHECK(same_bits(found.results[1 + leaf], a.results[1 + leaf]), "%s: pieces of %d: state", shape.name().c_str(), int(length));
            if (i == 0)
                CHECK(same_bits(grads[leaf], a.grads[of_initial + leaf]), "%s: pieces of %d: gradient of the state",
                      shape.name().c_str(), int(length));
        }
    }
}

// Each row's real steps the other way round.
std::vector<float> turned(const std::vector<float>& all, const Problem<float>& p) {
    const integer steps = p.shape.steps, features = integer(all.size()) / std::max<integer>(1, p.shape.batch * steps);
    std::vector<float> result = all;
    for (integer b = 0; b < p.shape.batch; ++b)
        for (integer t = 0; t < p.lengths[b]; ++t)
            std::copy_n(all.begin() + (b * steps + t) * features, features,
                        result.begin() + (b * steps + p.lengths[b] - 1 - t) * features);
    return result;
}

void layouts_and_direction(Shape shape) {
    shape.layout = Layout::packed;
    Problem<float> p(shape);
    const auto& cell = cell_of<float>(best(), shape.cell);
    const Answer<float> a = answer(cell, p);
    for (Layout layout : {Layout::rows, Layout::steps, Layout::gaps}) {
        p.shape.layout = layout;
        check_same(answer(cell, p), a, shape, "layout", int(layout));
    }
    p.shape.reverse = !shape.reverse;
    p.given[of_x] = turned(p.given[of_x], p), p.incoming[0] = turned(p.incoming[0], p);
    Answer<float> other = answer(cell, p);
    other.results[0] = turned(other.results[0], p), other.grads[of_x] = turned(other.grads[of_x], p);
    check_same(other, a, shape, "the other direction");
}

void what_is_asked_for(const Shape& shape) {
    Problem<float> p(shape);
    const auto& cell = cell_of<float>(best(), shape.cell);
    const Answer<float> a = answer(cell, p);
    Answer<float> wanted = a;
    wanted.grads = {};
    check_same(answer(cell, p, {1, false}), wanted, shape, "without gradients");
    wanted = a, wanted.grads[of_x] = {};
    check_same(answer(cell, p, {1, true, true, false, true}), wanted, shape, "without x's gradient");
    wanted = a;
    for (int i = of_weight_hidden; i < of_initial; ++i) wanted.grads[i] = {};
    check_same(answer(cell, p, {1, true, true, true, false}), wanted, shape, "without the weights' gradients");
    for (auto& each : p.incoming) std::fill(each.begin(), each.end(), 0.0f);
    check_same(answer(cell, p, {1, true, false}), answer(cell, p), shape, "nothing comes in");
}

}  // namespace

int main() {
    const integer sizes[][4] = {{1, 9, 5, 33}, {3, 7, 16, 8}, {13, 6, 33, 40}, {33, 9, 7, 16}, {50, 3, 5, 9}};
    // Enough to multiply for two and three threads, which share rows, and units where there are one or two rows.
    const integer large[][4] = {{33, 24, 64, 64}, {2, 60, 70, 130}, {1, 100, 130, 130}, {130, 9, 40, 48}};
    for (int cell = 0; cell < ostinato::cell_count; ++cell)
        for (integer projected : {0, 9, 24}) {
            if (projected && cell != ostinato::lstm) continue;
            for (int turn = 0; const auto& [batch, steps, inputs, hidden] : sizes) {
                Shape shape{cell, batch, steps, inputs, hidden};
                shape.projected = projected, shape.reverse = turn & 1, shape.gates_in = turn == 2, shape.biased = turn != 3;
                shape.layout = Layout(turn++ % 4);
                threads_and_instructions<float>(shape, true);
                threads_and_instructions<double>(shape, true);
                rows_alone(shape);
                layouts_and_direction(shape);
                what_is_asked_for(shape);
                shape.reverse = false;
                for (integer length : {1, 2, 5}) pieces(shape, length);
            }
            for (const auto& [batch, steps, inputs, hidden] : large)
                for (bool reverse : {false, true}) {
                    Shape shape{cell, batch, steps, inputs, hidden};
                    shape.projected = projected, shape.reverse = reverse;
                    threads_and_instructions<float>(shape, reverse);
                    if (reverse) threads_and_instructions<double>(shape, false);
                }
        }
    return failures != 0;
}
