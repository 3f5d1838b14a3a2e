// Every cell's scan, forward and backward, in every instruction set, against plain loops in double and against finite
// differences of them.
#include "plain.hpp"

namespace {

// Largest difference, relative to the largest wanted number where that is more than one; infinite if any is not a number.
// What a sum is made of is about one, however little of it is left.
template <class T>
double furthest(const std::vector<T>& found, const std::vector<double>& wanted) {
    double worst = 0, largest = 1;
    if (found.size() != wanted.size()) return INFINITY;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double error = std::fabs(double(found[i]) - wanted[i]);
        if (!(error < INFINITY)) return INFINITY;
        worst = std::fmax(worst, error), largest = std::fmax(largest, std::fabs(wanted[i]));
    }
    return worst / largest;
}

// Slopes of the plain loss along random directions, which every number of a gradient has a part in, and along single ones.
void differences(const std::string& isa, Problem<double> p) {
    const Answer<double> a = answer(cell_of<double>(isa, p.shape.cell), p);
    Random random(5);
    // Short enough that hardly any rectifier turns on or off within it.
    const double width = p.shape.cell == ostinato::rnn_relu ? 1e-7 : 1e-5;
    for (int which = 0; which < given_count; ++which)
        for (int trial = 0; trial < 6 && !p.given[which].empty(); ++trial) {
            std::vector<double>& values = p.given[which];
            const std::vector<double> there = values;
            std::vector<double> direction(values.size());
            if (trial < 3)
                direction = random.draw<double>(integer(values.size()), 1 / std::sqrt(double(values.size())));
            else
                direction[std::size_t((random.next() + 1) / 2 * double(values.size()))] = 1;
            double found = 0;
            for (std::size_t i = 0; i < values.size(); ++i) found += a.grads[which][i] * direction[i];
            const auto moved = [&](double by) {
                for (std::size_t i = 0; i < values.size(); ++i) values[i] = there[i] + by * direction[i];
                return plain(p);
            };
            const double wanted = (moved(width) - moved(-width)) / (2 * width);
            values = there;
            CHECK(std::fabs(found - wanted) < 1e-14 / width * 100 * (1 + std::fabs(wanted)), "%s, %s, %s: slope %.9g, wanted %.9g",
                  isa.c_str(), p.shape.name().c_str(), given_names[which], found, wanted);
        }
}

void agrees(const std::string& isa, const Shape& shape) {
    const Problem<float> p(shape);
    const Problem<double> exact = p.as<double>();
    const Answer<float> a = answer(cell_of<float>(isa, shape.cell), p);
    const Answer<double> b = answer(cell_of<double>(isa, shape.cell), exact);
    std::array<std::vector<double>, result_count> wanted;
    plain(exact, &wanted);
    for (int i = 0; i < result_count; ++i) {
        CHECK(furthest(a.results[i], wanted[i]) < 2e-6, "%s, %s, result %d: %g", isa.c_str(), shape.name().c_str(), i,
              furthest(a.results[i], wanted[i]));
        CHECK(furthest(b.results[i], wanted[i]) < 1e-13, "%s, %s in double, result %d: %g", isa.c_str(), shape.name().c_str(),
              i, furthest(b.results[i], wanted[i]));
    }
    // A rectifier whose gate is within a rounding of zero may be on in one and off in the other: none is here.
    for (int i = 0; i < given_count; ++i)
        CHECK(furthest(a.grads[i], b.grads[i]) < 1e-5, "%s, %s, gradient of %s: %g", isa.c_str(), shape.name().c_str(),
              given_names[i], furthest(a.grads[i], b.grads[i]));
}

// Cells, and the LSTM with a projection, for sizes that end inside vectors, panels, tiles, pieces and chunks.
std::vector<Shape> shapes() {
    const integer sizes[][4] = {{1, 1, 1, 1},   {1, 9, 5, 33}, {2, 5, 0, 3},  {3, 7, 16, 8}, {7, 11, 4, 17}, {13, 6, 33, 40},
                                {33, 9, 7, 16}, {4, 0, 3, 5},  {0, 3, 2, 2},  {2, 3, 2, 0},  {150, 3, 5, 9}, {70, 5, 129, 6},
                                {6, 130, 2, 3}, {5, 2, 9, 130}};
    std::vector<Shape> all;
    for (int cell = 0; cell < ostinato::cell_count; ++cell)
        for (const auto& [batch, steps, inputs, hidden] : sizes) {
            all.push_back({cell, batch, steps, inputs, hidden});
            if (cell == ostinato::lstm)
                for (integer projected : {1, 9, 16}) {
                    all.push_back({cell, batch, steps, inputs, hidden});
                    all.back().projected = projected;
                }
        }
    return all;
}

}  // namespace

int main() {
    int turn = 0;
    for (const std::string& isa : ostinato::available())
        for (Shape shape : shapes()) {
            for (int options = 0; options < 32; ++options) {
                // All of them for small shapes, some for large ones.
                if (shape.batch * shape.steps * shape.hidden > 400 && options % 8 != turn % 8) continue;
                shape.gates_in = options & 1, shape.biased = !(options & 2), shape.reverse = options & 4;
                shape.layout = Layout(options >> 3);
                agrees(isa, shape);
                if (options == turn % 32 && shape.batch * shape.steps * shape.hidden < 6000) differences(isa, Problem<float>(shape).as<double>());
            }
            ++turn;
        }
    for (const std::string& isa : ostinato::available())
        for (int cell = 0; cell < ostinato::cell_count; ++cell) {
            // More steps than one chunk of either direction, and a sequence long enough for errors to grow.
            agrees(isa, {cell, 33, 40, 20, 64});
            agrees(isa, {cell, 2, 1000, 3, 5});
        }
    return failures != 0;
}
