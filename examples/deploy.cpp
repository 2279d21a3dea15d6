// Segments of an image by an exported file: ./deploy model.onnx image.ppm drawing.ppm
// g++ -std=c++17 deploy.cpp -I $ORT/include -L $ORT/lib -lonnxruntime -o deploy
// The image has the size that `resize` of the metadata asks for, as ImageMagick makes one of a
// photo: convert photo.jpg -resize 641x641 image.ppm
#include <onnxruntime_cxx_api.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <regex>

int main(int argc, char** argv) try {
  if (argc != 4) return std::fputs("usage: deploy model.onnx image.ppm drawing.ppm\n", stderr), 2;
  std::ifstream file(argv[2], std::ios::binary);
  std::string kind;
  int64_t width, height, most;
  file >> kind >> width >> height >> most;
  std::vector<uint8_t> image(file ? 3 * width * height : 0);
  if (kind != "P6" || !file.ignore().read(reinterpret_cast<char*>(image.data()), image.size()))
    throw std::runtime_error(std::string(argv[2]) + " is no binary PPM");

  Ort::Env env;
  Ort::Session session(env, argv[1], Ort::SessionOptions{});
  auto info = session.GetInputTypeInfo(0);
  std::vector<int64_t> shape = info.GetTensorTypeAndShapeInfo().GetShape();  // 1, H, W, 3
  std::vector<int64_t> content{height, width}, two{2};
  if (height > shape[1] || width > shape[2]) throw std::runtime_error("the image is too large");
  std::vector<uint8_t> padded(3 * shape[1] * shape[2]);
  for (int64_t y = 0; y < height; y++)
    std::copy_n(&image[3 * width * y], 3 * width, &padded[3 * shape[2] * y]);
  auto cpu = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  Ort::Value inputs[]{
      Ort::Value::CreateTensor(cpu, padded.data(), padded.size(), shape.data(), shape.size()),
      Ort::Value::CreateTensor(cpu, content.data(), 2, two.data(), 1)};
  const char *names[]{"image", "content"}, *wanted[]{"panoptic"};
  auto found = session.Run(Ort::RunOptions{}, names, inputs, 2, wanted, 1);
  const int32_t* panoptic = found[0].GetTensorData<int32_t>();
  Ort::AllocatorWithDefaultOptions allocator;
  auto about = session.GetModelMetadata().LookupCustomMetadataMapAllocated("kmax", allocator);
  std::regex rgb(R"re("color": \[(\d+), (\d+), (\d+)\])re");
  const std::string text(about.get());
  std::vector<std::smatch> colors(std::sregex_iterator(text.begin(), text.end(), rgb), {});
  std::map<int32_t, long> areas;  // By label + 1000 * instance; void is no class
  for (int64_t at = 0; at < width * height; at++) {
    int32_t value = panoptic[shape[2] * (at / width) + at % width], label = value % 1000;
    areas[value]++;
    for (int k = 0; k < 3 && label < int(colors.size()); k++)
      image[3 * at + k] = (2 * image[3 * at + k] + 3 * std::stoi(colors[label][k + 1])) / 5;
  }
  for (auto [value, area] : areas) std::printf("%d %ld\n", value, area);
  std::ofstream(argv[3], std::ios::binary) << "P6\n" << width << " " << height << "\n255\n"
                                           << std::string(image.begin(), image.end());
} catch (const std::exception& error) {
  return std::fprintf(stderr, "deploy: %s\n", error.what()), 1;
}
